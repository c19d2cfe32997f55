-- Queue entries in parts that are whole by now, and await them no more.
-- Parameters: tenant_ids, journal_entry_ids (in step). Result: none.
-- Locks: the awaited rows, the deliveries; their queues, in order of their keys.
WITH whole AS (
    DELETE FROM webhook_awaited AS a
    USING unnest(%(tenant_ids)s::uuid[], %(journal_entry_ids)s::uuid[]) AS w (tenant_id, journal_entry_id)
    WHERE a.tenant_id = w.tenant_id AND a.journal_entry_id = w.journal_entry_id
    RETURNING a.*
), queued AS (
    INSERT INTO webhook_deliveries (
        endpoint_id, journal_entry_id, tenant_id, queue_id, partition_id, entry_seq, event_type,
        occurred_at, correlation_id)
    SELECT x.endpoint_id, a.journal_entry_id, a.tenant_id, a.queue_id, a.partition_id, a.entry_seq,
           a.event_type, a.occurred_at, a.correlation_id
    FROM whole AS a
    JOIN webhook_endpoints AS x ON x.tenant_id = a.tenant_id
    WHERE x.status = 'enabled'
      AND (x.event_types IS NULL OR a.event_type = ANY (x.event_types))
      AND a.entry_seq > x.starts_after[a.partition_id + 1]
    ON CONFLICT DO NOTHING
    RETURNING endpoint_id, queue_id
)
INSERT INTO webhook_queues AS q (endpoint_id, queue_id, next_attempt_at)
SELECT DISTINCT endpoint_id, queue_id, statement_timestamp()
FROM queued
ORDER BY endpoint_id, queue_id
ON CONFLICT (endpoint_id, queue_id) DO UPDATE SET next_attempt_at = q.next_attempt_at;
