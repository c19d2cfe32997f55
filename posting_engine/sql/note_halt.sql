-- Record why a partition stands still, for `hpts status` and /health/ready.
-- Parameters: partition_id, lease_epoch, reason. Result: none. Locks: the partition's row.
UPDATE partitions SET halted_because = %(reason)b
WHERE partition_id = %(partition_id)b AND lease_epoch = %(lease_epoch)b;
