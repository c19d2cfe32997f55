-- How far what leaves the ledger is behind what was posted. Belongs to no tenant.
-- Parameters: none. Result: a row for each that has ever begun: name, lag_entries, lag_s (of the
-- partition that is furthest behind), halted_partitions and why the first of them halted.
-- Locks: none.
SELECT c.name,
       sum(greatest(p.last_entry_seq - c.entry_seq, 0))::bigint AS lag_entries,
       coalesce(max(extract(epoch FROM clock_timestamp() - c.caught_up_at))
                FILTER (WHERE p.last_entry_seq > c.entry_seq AND c.halted_because IS NULL),
                0)::double precision AS lag_s,
       coalesce(array_agg(c.partition_id ORDER BY c.partition_id)
                FILTER (WHERE c.halted_because IS NOT NULL), '{}') AS halted_partitions,
       min(c.halted_because) AS halted_because
FROM readable_delivery_cursors AS c
JOIN readable_partitions AS p ON p.partition_id = c.partition_id
GROUP BY c.name
ORDER BY c.name;
