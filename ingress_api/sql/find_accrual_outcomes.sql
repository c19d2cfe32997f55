-- What became of the chunks of an accrual batch, also of one that no ingress took in.
-- Parameters: tenant_id, partition_count, accrual_event_id.
-- Result: a row a chunk, in order of partition and offset. Locks: none.
SELECT o.*
FROM generate_series(0, %(partition_count)s - 1) AS p (partition_id)
CROSS JOIN LATERAL (
    SELECT tenant_id, command_id, correlation_id, idempotency_key, fingerprint, status,
           result::text AS result, partition_id, command_offset, command_type, chunks_total
    FROM command_outcomes AS c
    WHERE c.partition_id = p.partition_id AND c.tenant_id = %(tenant_id)s
      AND c.accrual_event_id = %(accrual_event_id)s AND c.command_type = 'AccrualChunk'
) AS o
ORDER BY o.partition_id, o.command_offset;
