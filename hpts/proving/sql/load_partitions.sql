-- Where partitions stand.
-- Parameters: none. Result: one row a partition. Locks: none.
SELECT partition_id, topic_id, next_offset, last_entry_seq, chain_head
FROM partitions
ORDER BY partition_id;
