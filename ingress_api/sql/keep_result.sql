-- Keep the answer of a request that posts nothing with its key. Parameters: tenant_id,
-- idempotency_key, result. Result: none. Locks: the row, which the transaction has made.
UPDATE idempotency_reservations SET result = %(result)s::json
WHERE tenant_id = %(tenant_id)s AND idempotency_key = %(idempotency_key)s;
