-- Record why a partition stands still, for `hpts status` and /health/ready.
-- Parameters: partition_id, lease_epoch, reason. Result: none. Locks: the partition's row.
UPDATE partitions SET halted_because = %(reason)s
WHERE partition_id = %(partition_id)s AND lease_epoch = %(lease_epoch)s;
