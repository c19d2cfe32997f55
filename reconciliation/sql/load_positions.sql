-- How far each partition's journal goes, in the snapshot that everything else is read in.
-- Parameters: none. Result: (partition_id, last_entry_seq, reached_at) of every partition.
-- Locks: none.
SELECT partition_id, last_entry_seq, reached_at FROM partitions ORDER BY partition_id;
