-- What became of the steps of a request that became many commands, without the list of the loans
-- that a step has rejected (in `json`, which keeps the order of the members).
-- Parameters: tenant_id, partition_count, correlation_id (the request's command id).
-- Result: a row an outcome, in order of partition and offset. Locks: none.
SELECT o.*
FROM generate_series(0, %(partition_count)s - 1) AS p (partition_id)
CROSS JOIN LATERAL (
    SELECT tenant_id, command_id, correlation_id, idempotency_key, fingerprint, status,
           CASE WHEN c.result -> 'rejections' IS NULL THEN c.result::text ELSE (
               SELECT json_object_agg(m.key, m.value)::text
               FROM json_each(c.result) AS m WHERE m.key <> 'rejections') END AS result,
           partition_id, coalesce(resumed_offset, command_offset) AS command_offset,
           command_type, chunks_total
    FROM command_outcomes AS c
    WHERE c.partition_id = p.partition_id AND c.tenant_id = %(tenant_id)s
      AND c.correlation_id = %(correlation_id)s AND c.chunks_total IS NOT NULL
) AS o
ORDER BY o.partition_id, o.command_offset;
