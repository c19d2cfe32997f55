-- Where an instant lies in each partition's journal: entries lie without gaps and their `posted_at`
-- never goes back, so it is found by halving.
-- Parameters: from_at. Result: a row a partition, in order: partition_id, first_seq (one more than
-- the last where there is none), through_seq (what the cursor has passed). Locks: none.
WITH RECURSIVE search (partition_id, low, high) AS (
    SELECT c.partition_id, 1::bigint, c.entry_seq + 1
    FROM delivery_cursors AS c
    WHERE c.name = 'webhooks'
    UNION ALL
    SELECT s.partition_id,
           CASE WHEN e.posted_at < %(from_at)s THEN m.middle + 1 ELSE s.low END,
           CASE WHEN e.posted_at < %(from_at)s THEN s.high ELSE m.middle END
    FROM search AS s
    CROSS JOIN LATERAL (SELECT (s.low + s.high) / 2 AS middle) AS m
    -- Books that were restored may end before the cursor: what they do not have is after everything.
    LEFT JOIN journal_entries AS e ON e.partition_id = s.partition_id AND e.entry_seq = m.middle
    WHERE s.low < s.high
)
SELECT s.partition_id, s.low AS first_seq, c.entry_seq AS through_seq
FROM search AS s
JOIN delivery_cursors AS c ON c.name = 'webhooks' AND c.partition_id = s.partition_id
WHERE s.low = s.high
ORDER BY s.partition_id;
