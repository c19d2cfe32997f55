-- The lines of a run of entries of each partition.
-- Parameters: partition_ids, first_seqs, last_seqs and line_counts (in step).
-- Result: lines in order of partition, entry_seq and sequence. Locks: none.
SELECT l.*
FROM unnest(%(partition_ids)s::smallint[], %(first_seqs)s::bigint[], %(last_seqs)s::bigint[],
            %(line_counts)s::bigint[]) AS w (partition_id, first_seq, last_seq, line_count)
CROSS JOIN LATERAL (
    SELECT partition_id, entry_seq, sequence, account_code, direction, amount_minor, currency,
           layer, loan_id, borrower_id, external_ref
    FROM journal_lines
    WHERE partition_id = w.partition_id AND entry_seq BETWEEN w.first_seq AND w.last_seq
    ORDER BY entry_seq, sequence
    LIMIT w.line_count
) AS l
ORDER BY l.partition_id, l.entry_seq, l.sequence;
