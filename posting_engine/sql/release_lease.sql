-- Say that this process has stopped writing. Only for people, since the epoch alone fences: a row
-- that somebody has locked is left as it is, and a process that ends waits for nobody.
-- Parameters: partition_ids, lease_epochs. Result: none. Locks: the partitions' rows, if free.
UPDATE partitions
SET lease_owner = NULL
WHERE partition_id IN (
    SELECT p.partition_id
    FROM partitions AS p
    CROSS JOIN unnest(%(partition_ids)b::smallint[], %(lease_epochs)b::bigint[])
        AS u (partition_id, lease_epoch)
    WHERE p.partition_id = u.partition_id AND p.lease_epoch = u.lease_epoch
    ORDER BY p.partition_id
    FOR UPDATE OF p SKIP LOCKED);
