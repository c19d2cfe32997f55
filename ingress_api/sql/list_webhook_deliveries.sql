-- A page of what an endpoint was told, in the order of the entries' ids, each with
-- its attempts, and with the next one where it is the first of its queue.
-- Parameters: tenant_id, endpoint_id, after (an id, or NULL for the first page), most.
-- Result: the rows, each with its item_id. Locks: none.
SELECT d.journal_entry_id, d.journal_entry_id AS item_id, d.event_type, d.occurred_at,
       d.correlation_id, d.status, d.queued_at, d.finished_at,
       CASE WHEN d.status = 'pending' AND NOT EXISTS (
           SELECT FROM webhook_deliveries AS b
           WHERE b.endpoint_id = d.endpoint_id AND b.queue_id = d.queue_id
             AND b.status = 'pending' AND b.entry_seq < d.entry_seq
       ) THEN q.next_attempt_at END AS next_attempt_at,
       (SELECT coalesce(json_agg(json_build_object(
                   'attempted_at', to_char(a.attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                   'status_code', a.status_code, 'error', a.error, 'duration_ms', a.duration_ms)
                   ORDER BY a.attempted_at), '[]')
        FROM webhook_attempts AS a
        WHERE a.endpoint_id = d.endpoint_id AND a.journal_entry_id = d.journal_entry_id) AS attempts
FROM webhook_deliveries AS d
LEFT JOIN webhook_queues AS q ON q.endpoint_id = d.endpoint_id AND q.queue_id = d.queue_id
WHERE d.tenant_id = %(tenant_id)s AND d.endpoint_id = %(endpoint_id)s
  AND (%(after)s::uuid IS NULL OR d.journal_entry_id > %(after)s::uuid)
ORDER BY d.journal_entry_id
LIMIT %(most)s;
