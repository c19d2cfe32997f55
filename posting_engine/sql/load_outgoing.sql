-- The next commands of a kind to send for partitions that this engine holds, oldest first. There
-- is no cursor: a transaction may commit a lower outgoing_seq later, and sent rows are deleted.
-- Parameters: partition_ids, kind, most, in_all. Result: at most `most` rows a partition and `in_all`
-- together, those of the partitions named first. Locks: none.
SELECT o.partition_id, o.tenant_id, o.idempotency_key, o.kind, o.to_partition, o.record_key,
       o.record_value, o.reply_partition, o.traceparent
FROM unnest(%(partition_ids)b::smallint[]) WITH ORDINALITY AS u (partition_id, place)
CROSS JOIN LATERAL (
    SELECT * FROM outgoing_commands AS x
    WHERE x.partition_id = u.partition_id AND x.kind = %(kind)b
    ORDER BY x.outgoing_seq
    LIMIT %(most)b
) AS o
ORDER BY u.place, o.outgoing_seq
LIMIT %(in_all)b;
