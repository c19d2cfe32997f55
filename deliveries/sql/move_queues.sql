-- When locked queues are due next. Parameters: endpoint_ids, queue_ids, next_attempt_ats (in step).
-- Result: none. Locks: the queues, which the transaction has.
UPDATE webhook_queues AS q
SET next_attempt_at = w.next_attempt_at, is_due = w.next_attempt_at <= clock_timestamp()
FROM unnest(%(endpoint_ids)s::uuid[], %(queue_ids)s::uuid[], %(next_attempt_ats)s::timestamptz[])
    AS w (endpoint_id, queue_id, next_attempt_at)
WHERE q.endpoint_id = w.endpoint_id AND q.queue_id = w.queue_id;
