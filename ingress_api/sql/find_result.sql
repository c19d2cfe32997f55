-- Whose a key is, and the answer that was kept with it. Parameters: tenant_id, idempotency_key.
-- Result: one row. Locks: none.
SELECT command_id, fingerprint, result
FROM idempotency_reservations
WHERE tenant_id = %(tenant_id)s AND idempotency_key = %(idempotency_key)s;
