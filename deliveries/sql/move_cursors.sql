-- Note how far partitions' journals have been published. Back, too: the topic may have lost its end,
-- and nobody but who holds a partition writes its cursor.
-- Parameters: topic_id; partition_ids, entry_seqs, entry_hashes, caught_up_ats (in step).
-- Result: none. Locks: the rows.
INSERT INTO delivery_cursors (name, partition_id, entry_seq, entry_hash, topic_id, caught_up_at)
SELECT 'journal_topic', w.partition_id, w.entry_seq, w.entry_hash, %(topic_id)s, w.caught_up_at
FROM unnest(%(partition_ids)s::smallint[], %(entry_seqs)s::bigint[], %(entry_hashes)s::bytea[],
            %(caught_up_ats)s::timestamptz[])
    AS w (partition_id, entry_seq, entry_hash, caught_up_at)
ORDER BY w.partition_id
ON CONFLICT (name, partition_id) DO UPDATE
SET entry_seq = excluded.entry_seq, entry_hash = excluded.entry_hash,
    topic_id = excluded.topic_id, caught_up_at = excluded.caught_up_at, halted_because = NULL;
