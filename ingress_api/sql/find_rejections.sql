-- The loans of a batch that were rejected, by its accrual or by a reversal of it, as posted:
-- by partition, offset and place in the chunk.
-- The first page fixes how far each partition goes. The chunks come in order, so that only the
-- lists of those that fill the page are read.
-- Parameters: tenant_id, partition_count, accrual_event_id, upto (array of the last offset a
-- partition, from 0), after_partition, after_offset, after_place, most.
-- Result: a row a rejection. Locks: none.
SELECT o.partition_id, o.command_offset, r.place,
       CASE o.command_type WHEN 'Reversal' THEN 'reversal' ELSE 'accrual' END AS step,
       r.item ->> 'loan_id' AS loan_id, r.item ->> 'code' AS code
FROM (
    SELECT c.partition_id, c.command_offset, c.command_type, c.result
    FROM generate_series(greatest(%(after_partition)s, 0), %(partition_count)s - 1) AS p (partition_id)
    CROSS JOIN LATERAL (
        SELECT c.partition_id, c.command_offset, c.command_type, c.result
        FROM command_outcomes AS c
        WHERE c.partition_id = p.partition_id AND c.tenant_id = %(tenant_id)s
          AND c.accrual_event_id = %(accrual_event_id)s
          AND c.command_offset <= (%(upto)s::bigint[])[p.partition_id + 1]
          AND (p.partition_id <> %(after_partition)s OR c.command_offset >= %(after_offset)s::bigint)
    ) AS c
    ORDER BY c.partition_id, c.command_offset
) AS o
CROSS JOIN LATERAL json_array_elements(o.result -> 'rejections') WITH ORDINALITY AS r (item, place)
WHERE (o.partition_id, o.command_offset, r.place)
    > (%(after_partition)s::integer, %(after_offset)s::bigint, %(after_place)s::bigint)
ORDER BY o.partition_id, o.command_offset, r.place
LIMIT %(most)s;
