-- Remove the queues of endpoints that are told nothing any more, some at a time.
-- Parameters: most. Result: none. Locks: the queues.
DELETE FROM webhook_queues AS q
USING (
    SELECT p.endpoint_id, p.queue_id
    FROM webhook_endpoints AS x
    CROSS JOIN LATERAL (
        SELECT endpoint_id, queue_id FROM webhook_queues
        WHERE endpoint_id = x.endpoint_id
        LIMIT %(most)s
    ) AS p
    WHERE x.status <> 'enabled'
    LIMIT %(most)s
) AS w
WHERE q.endpoint_id = w.endpoint_id AND q.queue_id = w.queue_id;
