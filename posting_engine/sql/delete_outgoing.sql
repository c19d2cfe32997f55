-- Forget commands that the broker has acknowledged.
-- Parameters: partition_ids, tenant_ids, idempotency_keys. Result: none. Locks: the rows.
DELETE FROM outgoing_commands AS o
USING unnest(%(partition_ids)b::smallint[], %(tenant_ids)b::uuid[], %(idempotency_keys)b::text[])
    AS u (partition_id, tenant_id, idempotency_key)
WHERE o.partition_id = u.partition_id AND o.tenant_id = u.tenant_id
    AND o.idempotency_key = u.idempotency_key;
