-- How far each partition of the search path's books has been applied.
-- Parameters: none. Result: partition_id, next_offset. Locks: none.
SELECT partition_id::integer, next_offset FROM partitions;
