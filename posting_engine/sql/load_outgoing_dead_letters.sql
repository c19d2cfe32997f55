-- The next messages for the dead letters topic, oldest first; only the partition's one writer
-- inserts, so numbers become visible in order.
-- Parameters: partition_ids, most. Result: at most `most` rows a partition. Locks: none.
SELECT o.*
FROM unnest(%(partition_ids)b::smallint[]) AS u (partition_id)
CROSS JOIN LATERAL (
    SELECT x.partition_id, x.outgoing_seq, x.record_key, x.record_value
    FROM outgoing_dead_letters AS x
    WHERE x.partition_id = u.partition_id
    ORDER BY x.outgoing_seq
    LIMIT %(most)b
) AS o;
