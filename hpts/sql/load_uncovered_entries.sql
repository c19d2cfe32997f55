-- Partitions with entries that no published checkpoint covers, and the oldest such entry's age.
-- Parameters: none. Result: partition_id, posted_at of the first entry not covered. Locks: none.
SELECT p.partition_id, e.posted_at
FROM hpts.partitions AS p
LEFT JOIN LATERAL (
    SELECT max(c.entry_seq) AS entry_seq FROM hpts_edge.checkpoints AS c
    WHERE c.partition_id = p.partition_id AND c.published_at IS NOT NULL
) AS covered ON true
JOIN hpts.journal_entries AS e
    ON e.partition_id = p.partition_id AND e.entry_seq = coalesce(covered.entry_seq, 0) + 1;
