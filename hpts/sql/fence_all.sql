-- Fence every writer there ever was.
-- Parameters: least, an epoch that none of them has reached. Result: none. Locks: all positions.
UPDATE partitions
SET lease_epoch = greatest(lease_epoch, %(least)s) + 1, lease_owner = NULL, halted_because = NULL;
