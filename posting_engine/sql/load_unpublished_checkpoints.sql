-- The checkpoints that are still to be published of some partitions.
-- Parameters: partition_ids. Result: oldest first within each partition. Locks: none.
SELECT partition_id, number, message
FROM checkpoints
WHERE partition_id = ANY(%(partition_ids)b::smallint[]) AND published_at IS NULL
ORDER BY partition_id, number;
