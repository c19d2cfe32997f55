-- A page of a tenant's endpoints in the order of their ids, from one on, the last first.
-- Parameters: tenant_id, after (an id, or NULL for the first page), most; endpoint_id is not used.
-- Result: the rows, each with its item_id. Locks: none.
SELECT endpoint_id, endpoint_id AS item_id, url, event_types, description, status,
       disabled_because, created_at
FROM webhook_endpoints
WHERE tenant_id = %(tenant_id)s AND status <> 'deleted'
  AND (%(after)s::uuid IS NULL OR endpoint_id < %(after)s::uuid)
ORDER BY endpoint_id DESC
LIMIT %(most)s;
