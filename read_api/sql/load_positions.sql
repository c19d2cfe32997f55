-- Where each partition stands, and whether somebody's open transaction holds the log back there.
-- Belongs to no tenant. Parameters: none. Result: a row a partition. Locks: none.
SELECT p.partition_id, p.next_offset, p.reached_at, p.last_entry_seq, p.halted_because,
       p.quarantined_count,
       extract(epoch FROM clock_timestamp() - p.reached_at)::double precision AS lag_s,
       -- Who is merely behind is not held back; and the two ends are asked one after the other.
       coalesce(p.next_offset >= e.readable_offset AND e.written_offset > p.next_offset, false)
           AS is_held_back
FROM readable_partitions AS p
LEFT JOIN readable_log_ends AS e ON e.partition_id = p.partition_id
ORDER BY p.partition_id;
