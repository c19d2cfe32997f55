-- Go on from the lease epochs of the live books.
-- Parameters: none. Result: none. Locks: all positions.
UPDATE partitions AS p SET lease_epoch = greatest(p.lease_epoch, live.lease_epoch)
FROM hpts.partitions AS live WHERE live.partition_id = p.partition_id;
