-- Some chunk of an accrual batch that has been applied: that there is such a batch.
-- Parameters: tenant_id, partition_count, accrual_event_id. Result: one row or none. Locks: none.
SELECT o.*
FROM generate_series(0, %(partition_count)s - 1) AS p (partition_id)
CROSS JOIN LATERAL (
    SELECT c.partition_id, c.command_offset
    FROM command_outcomes AS c
    WHERE c.partition_id = p.partition_id AND c.tenant_id = %(tenant_id)s
      AND c.accrual_event_id = %(accrual_event_id)s AND c.command_type = 'AccrualChunk'
    LIMIT 1
) AS o
LIMIT 1;
