-- Through which day the books are closed; it only rises.
-- Parameters: arrays, one element a tenant and partition. Result: none. Locks: the rows.
INSERT INTO closed_periods AS c (partition_id, tenant_id, closed_through)
SELECT *
FROM unnest(%(partition_id)b::smallint[], %(tenant_id)b::uuid[], %(closed_through)b::date[])
ON CONFLICT (partition_id, tenant_id)
DO UPDATE SET closed_through = greatest(c.closed_through, excluded.closed_through);
