-- Every close of the tenant's books, and when each partition applied it.
-- Parameters: partition_ids, tenant_id. Result: a row a partition and close, ascending.
-- Locks: none.
SELECT partition_id, closed_through, closed_at
FROM readable_period_closes
WHERE partition_id = ANY(%(partition_ids)s) AND tenant_id = %(tenant_id)s
ORDER BY partition_id, closed_through;
