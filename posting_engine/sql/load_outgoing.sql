-- The next commands of a kind to send for partitions that this engine holds, oldest first. There
-- is no cursor: a transaction may commit a lower outgoing_seq later, and sent rows are deleted.
-- Parameters: partition_ids, kind, most. Result: at most `most` rows a partition. Locks: none.
SELECT o.*
FROM unnest(%(partition_ids)b::smallint[]) AS u (partition_id)
CROSS JOIN LATERAL (
    SELECT x.partition_id, x.tenant_id, x.idempotency_key, x.kind, x.to_partition,
           x.record_key, x.record_value, x.reply_partition, x.traceparent
    FROM outgoing_commands AS x
    WHERE x.partition_id = u.partition_id AND x.kind = %(kind)b
    ORDER BY x.outgoing_seq
    LIMIT %(most)b
) AS o;
