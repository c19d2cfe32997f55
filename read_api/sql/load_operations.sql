-- Where each partition stands, since when it is held, what stands still, how far the log goes on
-- (NULL until an engine has asked), and how many writers were fenced. Belongs to no tenant.
-- Parameters: none. Result: a row a partition. Locks: none.
SELECT p.partition_id, p.next_offset, p.last_entry_seq, p.reached_at, p.halted_because,
       p.quarantined_count, p.lease_epoch, p.lease_taken_at,
       extract(epoch FROM clock_timestamp() - p.reached_at)::double precision AS lag_s,
       CASE WHEN e.written_offset < p.next_offset THEN 0
            ELSE e.written_offset - p.next_offset END AS lag_commands,
       -- Who is merely behind is not held back; and the two ends are asked one after the other.
       CASE WHEN e.written_offset < p.next_offset OR p.next_offset < e.readable_offset THEN 0
            ELSE e.written_offset - p.next_offset END AS held_back_commands,
       (SELECT count(*) FROM readable_fenced_writers AS f WHERE f.partition_id = p.partition_id)
           AS fenced_writer_count
FROM readable_partitions AS p
LEFT JOIN readable_log_ends AS e ON e.partition_id = p.partition_id
ORDER BY p.partition_id;
