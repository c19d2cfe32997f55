-- Tell an endpoint nothing any more. Parameters: endpoint_id, reason. Result: none. Locks: the row.
UPDATE webhook_endpoints
SET status = 'disabled', disabled_because = %(reason)s
WHERE endpoint_id = %(endpoint_id)s::uuid AND status = 'enabled';
