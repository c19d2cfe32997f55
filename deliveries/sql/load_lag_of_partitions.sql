-- How far the journal topic and the endpoints' queues are behind each partition's journal, and how
-- long ago the first entry that has not left was posted. Parameters: none.
-- Result: (cursor, partition_id, entries, seconds, is_halted; NULL but for the topic). Locks: none.
SELECT n.cursor, p.partition_id,
       greatest(p.last_entry_seq - coalesce(c.entry_seq, 0), 0) AS entries,
       greatest(coalesce(extract(epoch FROM clock_timestamp() - (
           SELECT j.posted_at FROM journal_entries AS j
           WHERE j.partition_id = p.partition_id AND j.entry_seq = coalesce(c.entry_seq, 0) + 1
       )), 0), 0)::float8 AS seconds,
       CASE WHEN n.cursor = 'journal_topic' THEN c.halted_because IS NOT NULL END AS is_halted
FROM (VALUES ('journal_topic'), ('webhooks')) AS n (cursor)
CROSS JOIN partitions AS p
LEFT JOIN delivery_cursors AS c ON c.name = n.cursor AND c.partition_id = p.partition_id
ORDER BY n.cursor, p.partition_id;
