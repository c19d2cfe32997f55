-- Record that this writer was fenced: of the partitions that it held, those that another has taken.
-- Parameters: partition_ids, lease_epochs (arrays), owner. Result: none. Locks: the rows.
INSERT INTO fenced_writers (partition_id, lease_epoch, lease_owner)
SELECT u.partition_id, u.lease_epoch, %(owner)b::text
FROM unnest(%(partition_ids)b::smallint[], %(lease_epochs)b::bigint[])
    AS u (partition_id, lease_epoch)
CROSS JOIN LATERAL (
    SELECT FROM partitions AS p
    WHERE p.partition_id = u.partition_id AND p.lease_epoch > u.lease_epoch
) AS taken
ON CONFLICT DO NOTHING;
