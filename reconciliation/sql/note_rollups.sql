-- Note the roll-up of each tenant. Parameters: tenant_ids, currencies, gl_principals_minor,
-- loans_principals_minor (in step). Result: none. Locks: the rows.
INSERT INTO reconciliation_rollups AS r (
    tenant_id, currency, gl_principal_minor, loans_principal_minor)
SELECT * FROM unnest(%(tenant_ids)s::uuid[], %(currencies)s::text[],
                     %(gl_principals_minor)s::numeric[], %(loans_principals_minor)s::numeric[])
ORDER BY 1, 2
ON CONFLICT (tenant_id, currency) DO UPDATE
SET gl_principal_minor = excluded.gl_principal_minor,
    loans_principal_minor = excluded.loans_principal_minor, checked_at = excluded.checked_at;
