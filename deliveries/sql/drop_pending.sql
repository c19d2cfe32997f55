-- Give up what is pending for endpoints that are told nothing any more, some at a time.
-- Parameters: most. Result: none. Locks: the deliveries.
UPDATE webhook_deliveries AS d
SET status = 'dropped', finished_at = clock_timestamp()
FROM (
    SELECT p.endpoint_id, p.journal_entry_id
    FROM webhook_endpoints AS x
    CROSS JOIN LATERAL (
        SELECT endpoint_id, journal_entry_id FROM webhook_deliveries
        WHERE endpoint_id = x.endpoint_id AND status = 'pending'
        LIMIT %(most)s
    ) AS p
    WHERE x.status <> 'enabled'
    LIMIT %(most)s
) AS w
WHERE d.endpoint_id = w.endpoint_id AND d.journal_entry_id = w.journal_entry_id
  AND d.status = 'pending';
