-- What runs found first, of the tenant. Parameters: tenant_id, run_ids.
-- Result: findings in the order in which they were found. Locks: none.
SELECT * FROM readable_reconciliation_findings
WHERE tenant_id = %(tenant_id)s AND found_by = ANY (%(run_ids)s::bigint[])
ORDER BY finding_id;
