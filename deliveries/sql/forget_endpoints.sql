-- Forget deleted endpoints of which nothing is left, their secrets and replays. Parameters: none.
-- Result: none. Locks: the rows.
WITH gone AS (
    DELETE FROM webhook_endpoints AS x
    WHERE x.status = 'deleted'
      AND NOT EXISTS (SELECT FROM webhook_deliveries AS d WHERE d.endpoint_id = x.endpoint_id)
      AND NOT EXISTS (SELECT FROM webhook_queues AS q WHERE q.endpoint_id = x.endpoint_id)
    RETURNING x.endpoint_id
), secrets AS (
    DELETE FROM webhook_secrets AS s USING gone AS g WHERE s.endpoint_id = g.endpoint_id
)
DELETE FROM webhook_replays AS r USING gone AS g WHERE r.endpoint_id = g.endpoint_id;
