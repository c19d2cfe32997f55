-- Let queues be due whose time has come. Parameters: most. Result: none. Locks: the queues; one that
-- another holds is left out.
UPDATE webhook_queues AS q
SET is_due = true
FROM (
    SELECT endpoint_id, queue_id FROM webhook_queues
    WHERE NOT is_due AND next_attempt_at <= clock_timestamp()
    ORDER BY next_attempt_at
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
) AS w
WHERE q.endpoint_id = w.endpoint_id AND q.queue_id = w.queue_id;
