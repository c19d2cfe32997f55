-- An endpoint, for this transaction alone. Parameters: tenant_id, endpoint_id.
-- Result: one row, or none where there is none. Locks: the row.
SELECT endpoint_id FROM webhook_endpoints
WHERE tenant_id = %(tenant_id)s AND endpoint_id = %(endpoint_id)s AND status <> 'deleted'
FOR NO KEY UPDATE;
