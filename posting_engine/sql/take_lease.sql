-- Become the single writer of partitions: whoever held them before is fenced from now on.
-- Parameters: partition_ids, owner. Result: the position of each. Locks: the partitions' rows.
UPDATE partitions
SET lease_epoch = lease_epoch + 1, lease_owner = %(owner)b, lease_taken_at = now(), halted_because = NULL
WHERE partition_id = ANY(%(partition_ids)b::smallint[])
RETURNING partition_id, topic_id, next_offset, last_record_hash, lease_epoch, last_appended_at,
          last_entry_seq, chain_head, reached_at, quarantined_count;
