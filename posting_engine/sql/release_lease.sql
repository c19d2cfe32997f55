-- Say that this process has stopped writing. Only for people: the epoch alone fences.
-- Parameters: partition_ids, lease_epochs. Result: none. Locks: the partitions' rows.
UPDATE partitions AS p
SET lease_owner = NULL
FROM unnest(%(partition_ids)b::smallint[], %(lease_epochs)b::bigint[]) AS u (partition_id, lease_epoch)
WHERE p.partition_id = u.partition_id AND p.lease_epoch = u.lease_epoch;
