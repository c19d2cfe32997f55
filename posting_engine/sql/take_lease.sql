-- Become the single writer of partitions: whoever held them before is fenced from now on. Only the
-- consumer group that the ledger is pinned to may, so two groups never fence each other in turns.
-- Parameters: partition_ids, owner, group_id (NULL: any). Result: the position of each; none where
-- the group is another. Locks: the partitions' rows.
UPDATE partitions
SET lease_epoch = lease_epoch + 1, lease_owner = %(owner)b, lease_taken_at = now(), halted_because = NULL
WHERE partition_id = ANY(%(partition_ids)b::smallint[])
  AND (%(group_id)b::text IS NULL
       OR EXISTS (SELECT FROM ledger_settings WHERE group_id = %(group_id)b::text))
RETURNING partition_id, topic_id, next_offset, last_record_hash, lease_epoch, last_appended_at,
          last_entry_seq, chain_head, reached_at, quarantined_count, base_offset;
