-- Move the position: first of all statements, so it locks the rows and fences a zombie.
-- Parameters: arrays, one element a partition. Result: the partitions that matched; a missing one
-- means that another process has taken it. Locks: the partitions' rows, to the end.
UPDATE partitions AS p
SET next_offset = u.next_offset,
    last_record_hash = u.last_record_hash,
    last_appended_at = u.last_appended_at,
    -- Append times have milliseconds, and more records of the last one may still come.
    reached_at = greatest(p.reached_at, u.last_appended_at - interval '1 microsecond'),
    last_entry_seq = u.last_entry_seq,
    chain_head = u.chain_head,
    quarantined_count = u.quarantined_count
FROM unnest(
    %(partition_ids)b::smallint[], %(topic_ids)b::text[], %(lease_epochs)b::bigint[],
    %(expected_offsets)b::bigint[], %(next_offsets)b::bigint[], %(record_hashes)b::bytea[],
    %(appended_at)b::timestamptz[], %(entry_seqs)b::bigint[], %(chain_heads)b::bytea[],
    %(quarantined_counts)b::bigint[]
) AS u (partition_id, topic_id, lease_epoch, expected_offset, next_offset, last_record_hash,
        last_appended_at, last_entry_seq, chain_head, quarantined_count)
WHERE p.partition_id = u.partition_id AND p.topic_id = u.topic_id
    AND p.lease_epoch = u.lease_epoch AND p.next_offset = u.expected_offset
RETURNING p.partition_id;
