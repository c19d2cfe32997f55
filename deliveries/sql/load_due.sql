-- The first events of the queues that are due, a few of each endpoint that has any: from endpoint to
-- endpoint by the index, so one with many queues costs the others nothing.
-- Parameters: after (an endpoint: begin behind it), full_endpoints (uuid[]: with nothing free),
-- most_each, most. Result: a row an event, with what its endpoint is, in the order of the endpoints.
-- Locks: none.
WITH RECURSIVE found (endpoint_id) AS (
    (SELECT endpoint_id FROM webhook_queues
     WHERE is_due AND endpoint_id > %(after)s::uuid ORDER BY endpoint_id LIMIT 1)
    UNION ALL
    SELECT (SELECT q.endpoint_id FROM webhook_queues AS q
            WHERE q.is_due AND q.endpoint_id > f.endpoint_id ORDER BY q.endpoint_id LIMIT 1)
    FROM found AS f
    WHERE f.endpoint_id IS NOT NULL
)
SELECT x.endpoint_id, x.url,
       (SELECT array_agg(s.secret ORDER BY s.created_at DESC) FROM webhook_secrets AS s
        WHERE s.endpoint_id = x.endpoint_id AND coalesce(s.valid_until > clock_timestamp(), true))
           AS secrets,
       q.queue_id, d.journal_entry_id, d.tenant_id, d.event_type, d.occurred_at, d.correlation_id,
       d.tries
FROM found AS f
JOIN webhook_endpoints AS x ON x.endpoint_id = f.endpoint_id AND x.status = 'enabled'
CROSS JOIN LATERAL (
    SELECT queue_id FROM webhook_queues
    WHERE endpoint_id = f.endpoint_id AND is_due
    ORDER BY next_attempt_at
    LIMIT %(most_each)s
) AS q
CROSS JOIN LATERAL (
    SELECT * FROM webhook_deliveries AS w
    WHERE w.endpoint_id = f.endpoint_id AND w.queue_id = q.queue_id AND w.status = 'pending'
    ORDER BY w.entry_seq
    LIMIT 1
) AS d
WHERE f.endpoint_id <> ALL (%(full_endpoints)s::uuid[])
LIMIT %(most)s;
