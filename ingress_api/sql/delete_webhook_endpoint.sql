-- Tell an endpoint nothing any more, and let it be forgotten. Parameters: tenant_id, endpoint_id.
-- Result: one row, or none where there is none. Locks: the row.
UPDATE webhook_endpoints SET status = 'deleted'
WHERE tenant_id = %(tenant_id)s AND endpoint_id = %(endpoint_id)s AND status <> 'deleted'
RETURNING endpoint_id;
