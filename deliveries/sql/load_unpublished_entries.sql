-- The next entries of each partition after one of them, without their lines.
-- Parameters: partition_ids and after_seqs (in step), most (of each partition).
-- Result: entries in order of partition and entry_seq, each with its line_count. Locks: none.
SELECT e.*
FROM unnest(%(partition_ids)s::smallint[], %(after_seqs)s::bigint[]) AS w (partition_id, after_seq)
CROSS JOIN LATERAL (
    SELECT j.partition_id, j.entry_seq, j.tenant_id, j.journal_entry_id, j.part, j.event_type,
           j.event_id, j.effective_on, j.booked_on, j.posted_at, j.correlation_id,
           j.reverses_entry_id, j.reverses_part, j.actor, j.description, j.metadata, j.details,
           j.command_offset, j.entry_hash, l.line_count
    FROM journal_entries AS j
    CROSS JOIN LATERAL (
        SELECT coalesce(max(sequence), 0) AS line_count
        FROM journal_lines
        WHERE partition_id = j.partition_id AND entry_seq = j.entry_seq
    ) AS l
    WHERE j.partition_id = w.partition_id AND j.entry_seq > w.after_seq
    ORDER BY j.entry_seq
    LIMIT %(most)s
) AS e
ORDER BY e.partition_id, e.entry_seq;
