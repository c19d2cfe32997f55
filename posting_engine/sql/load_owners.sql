-- Who writes partitions now, as each said of itself.
-- Parameters: partition_ids. Result: lease_owner of each that has one. Locks: none.
SELECT DISTINCT lease_owner FROM partitions
WHERE partition_id = ANY(%(partition_ids)b::smallint[]) AND lease_owner IS NOT NULL;
