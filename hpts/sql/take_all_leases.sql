-- Become the single writer of every partition. What halts one stays written down.
-- Parameters: owner. Result: none. Locks: the partitions' rows.
UPDATE hpts.partitions
SET lease_epoch = lease_epoch + 1, lease_owner = %(owner)s, lease_taken_at = now();
