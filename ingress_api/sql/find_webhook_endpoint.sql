-- One endpoint. Parameters: tenant_id, endpoint_id. Result: one row, or none. Locks: none.
SELECT endpoint_id, url, event_types, description, status, disabled_because, created_at
FROM webhook_endpoints
WHERE tenant_id = %(tenant_id)s AND endpoint_id = %(endpoint_id)s AND status <> 'deleted';
