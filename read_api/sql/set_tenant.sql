-- Names the tenant to row-level security, for this transaction only.
-- Parameters: tenant_id (text). Result: one row, of no use. Locks: none.
SELECT set_config('hpts.tenant_id', %(tenant_id)s, true);
