-- Everything appended up to these instants has been applied.
-- Parameters: partition_ids, lease_epochs, reached_at (arrays). Result: none. Locks: the rows.
UPDATE partitions AS p
SET reached_at = u.reached_at
FROM unnest(%(partition_ids)b::smallint[], %(lease_epochs)b::bigint[], %(reached_at)b::timestamptz[])
    AS u (partition_id, lease_epoch, reached_at)
WHERE p.partition_id = u.partition_id AND p.lease_epoch = u.lease_epoch AND p.reached_at < u.reached_at;
