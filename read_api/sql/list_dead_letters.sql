-- One page of the dead letters of all tenants, in the order of each partition's log. Row-level
-- security shows them to an operator only.
-- Parameters: partition_ids, from_partition, from_offset, most.
-- Result: a row a record; of its value the first 4 KiB. Locks: none.
SELECT d.*
FROM unnest(%(partition_ids)s::smallint[]) AS p (partition_id)
CROSS JOIN LATERAL (
    SELECT x.partition_id, x.command_offset, x.appended_at, x.reason, x.record_key,
           substring(x.record_value FOR 4096) AS value_beginning,
           coalesce(length(x.record_value), 0) AS value_length, x.record_headers
    FROM readable_dead_letters AS x
    WHERE x.partition_id = p.partition_id
      AND (x.partition_id > %(from_partition)s OR x.command_offset >= %(from_offset)s)
    ORDER BY x.command_offset
    LIMIT %(most)s
) AS d
WHERE p.partition_id >= %(from_partition)s
ORDER BY d.partition_id, d.command_offset
LIMIT %(most)s;
