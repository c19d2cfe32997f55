-- Ask for what was posted since an instant to be told again.
-- Parameters: replay_id, endpoint_id, tenant_id, from_at. Result: its row. Locks: the new row.
INSERT INTO webhook_replays (replay_id, endpoint_id, tenant_id, from_at)
VALUES (%(replay_id)s, %(endpoint_id)s, %(tenant_id)s, %(from_at)s)
RETURNING replay_id, from_at, requested_at;
