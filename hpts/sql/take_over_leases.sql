-- Go on from the lease epochs of the live books, and from what they have promised to have reached:
-- books that are not behind them have reached it, too.
-- Parameters: none. Result: none. Locks: all positions.
UPDATE partitions AS p
SET lease_epoch = greatest(p.lease_epoch, live.lease_epoch),
    reached_at = greatest(p.reached_at, live.reached_at)
FROM hpts.partitions AS live
WHERE live.partition_id = p.partition_id;
