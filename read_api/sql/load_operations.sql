-- Where each partition stands, since when it is held and what stands still. Belongs to no tenant.
-- Parameters: none. Result: a row a partition. Locks: none.
SELECT partition_id, next_offset, last_entry_seq, reached_at, halted_because, quarantined_count,
       lease_epoch, lease_taken_at,
       extract(epoch FROM clock_timestamp() - reached_at)::double precision AS lag_s
FROM readable_partitions
ORDER BY partition_id;
