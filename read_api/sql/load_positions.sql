-- Where each partition stands. Belongs to no tenant.
-- Parameters: none. Result: a row a partition. Locks: none.
SELECT partition_id, next_offset, reached_at, last_entry_seq, halted_because, quarantined_count,
       extract(epoch FROM clock_timestamp() - reached_at)::double precision AS lag_s
FROM readable_partitions
ORDER BY partition_id;
