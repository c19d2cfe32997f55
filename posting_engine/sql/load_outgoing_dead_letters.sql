-- The next messages for the dead letters topic, oldest first; only the partition's one writer
-- inserts, so numbers become visible in order. A message holds a whole record, so bytes count, too.
-- Parameters: partition_ids, most, most_bytes. Result: at most `most` rows a partition, and of these
-- the first and those before which there are less than `most_bytes`. Locks: none.
SELECT o.partition_id, o.outgoing_seq, o.record_key, o.record_value
FROM unnest(%(partition_ids)b::smallint[]) AS u (partition_id)
CROSS JOIN LATERAL (
    SELECT x.*,
           sum(octet_length(x.record_value)) OVER (ORDER BY x.outgoing_seq)
               - octet_length(x.record_value) AS bytes_before
    FROM (
        SELECT w.partition_id, w.outgoing_seq, w.record_key, w.record_value
        FROM outgoing_dead_letters AS w
        WHERE w.partition_id = u.partition_id
        ORDER BY w.outgoing_seq
        LIMIT %(most)b
    ) AS x
) AS o
WHERE o.bytes_before < %(most_bytes)b;
