-- Where partitions stand, after something went wrong.
-- Parameters: partition_ids. Result: the position of each. Locks: none.
SELECT partition_id, topic_id, next_offset, last_record_hash, lease_epoch, last_appended_at,
       last_entry_seq, chain_head, reached_at, quarantined_count, base_offset
FROM partitions
WHERE partition_id = ANY(%(partition_ids)b::smallint[]);
