-- Who reserved a key. Parameters: tenant_id, idempotency_key.
-- Result: one row or none. `is_stale`: nobody has sent its command for 30 s. Locks: none.
SELECT command_id, fingerprint, partition_id, required_scope, accepted_at, sent_at,
       sent_at < clock_timestamp() - interval '30 seconds' AS is_stale
FROM idempotency_reservations
WHERE tenant_id = %(tenant_id)s AND idempotency_key = %(idempotency_key)s;
