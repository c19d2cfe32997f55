-- Name the tenant whose rows this transaction may see (row-level security).
-- Parameters: tenant_id. Result: none of use. Locks: none.
SELECT set_config('hpts.tenant_id', %(tenant_id)s::text, true);
