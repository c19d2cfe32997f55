-- Forget what endpoints that are deleted were told, and what was finished long ago, some at a time,
-- with the attempts. Parameters: kept_days, most. Result: none. Locks: the rows.
WITH gone AS (
    (SELECT d.endpoint_id, d.journal_entry_id
     FROM webhook_endpoints AS x
     CROSS JOIN LATERAL (
         SELECT endpoint_id, journal_entry_id FROM webhook_deliveries
         WHERE endpoint_id = x.endpoint_id
         LIMIT %(most)s
     ) AS d
     WHERE x.status = 'deleted'
     LIMIT %(most)s)
    UNION
    (SELECT endpoint_id, journal_entry_id FROM webhook_deliveries
     WHERE finished_at < clock_timestamp() - make_interval(days => %(kept_days)s)
     ORDER BY finished_at
     LIMIT %(most)s)
), attempts AS (
    DELETE FROM webhook_attempts AS a USING gone AS g
    WHERE a.endpoint_id = g.endpoint_id AND a.journal_entry_id = g.journal_entry_id
)
DELETE FROM webhook_deliveries AS d USING gone AS g
WHERE d.endpoint_id = g.endpoint_id AND d.journal_entry_id = g.journal_entry_id;
