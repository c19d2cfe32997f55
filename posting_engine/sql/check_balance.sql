-- The rows just written, looked at once more: every entry balances, per currency and layer.
-- Parameters: partition_ids, first_seqs, last_seqs. Result: entries that do not balance (none).
-- Locks: none.
SELECT DISTINCT u.partition_id, j.entry_seq
FROM unnest(%(partition_ids)b::smallint[], %(first_seqs)b::bigint[], %(last_seqs)b::bigint[])
    AS u (partition_id, first_seq, last_seq)
CROSS JOIN LATERAL (
    SELECT y.entry_seq
    FROM journal_lines AS y
    WHERE y.partition_id = u.partition_id AND y.entry_seq BETWEEN u.first_seq AND u.last_seq
    GROUP BY y.entry_seq, y.currency, y.layer
    HAVING sum(CASE y.direction WHEN 'DR' THEN y.amount_minor ELSE -y.amount_minor END) <> 0
    LIMIT 1
) AS j;
