-- How far what has left is behind what was posted. Parameters: none.
-- Result: one row a cursor: entries, seconds (of the partition that is furthest behind), and how
-- many partitions stand still. Locks: none.
SELECT c.name, sum(greatest(p.last_entry_seq - c.entry_seq, 0))::bigint AS entries,
       coalesce(max(extract(epoch FROM clock_timestamp() - c.caught_up_at)::float8)
                FILTER (WHERE p.last_entry_seq > c.entry_seq), 0)::float8 AS seconds,
       count(c.halted_because) AS halted
FROM delivery_cursors AS c
JOIN partitions AS p ON p.partition_id = c.partition_id
GROUP BY c.name
ORDER BY c.name;
