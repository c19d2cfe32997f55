-- How far each partition has been applied. Parameters: none.
-- Result: (partition_id, last_offset) of every partition, in order. Locks: none.
SELECT partition_id, next_offset - 1 AS last_offset FROM partitions ORDER BY partition_id;
