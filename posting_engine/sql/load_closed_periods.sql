-- Through which day the books are closed, for the batch's tenants.
-- Parameters: partition_ids, tenant_ids. Result: one row a tenant that has closed. Locks: none.
SELECT c.partition_id, c.tenant_id, c.closed_through
FROM unnest(%(partition_ids)b::smallint[], %(tenant_ids)b::uuid[]) AS u (partition_id, tenant_id)
CROSS JOIN LATERAL (
    SELECT * FROM closed_periods AS x
    WHERE x.partition_id = u.partition_id AND x.tenant_id = u.tenant_id
    LIMIT 1
) AS c;
