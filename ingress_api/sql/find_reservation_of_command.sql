-- The reservation of a command. Parameters: tenant_id, command_id.
-- Result: one row or none. Locks: none.
SELECT idempotency_key, partition_id, required_scope
FROM idempotency_reservations
WHERE tenant_id = %(tenant_id)s AND command_id = %(command_id)s;
