-- Fence every writer of the live books.
-- Parameters: least, an epoch that none of them has reached. Result: none. Locks: all positions.
UPDATE hpts.partitions SET lease_epoch = greatest(lease_epoch, %(least)s) + 1;
