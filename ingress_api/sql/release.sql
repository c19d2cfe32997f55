-- Give a key back whose command was certainly not sent, if it is still the sender's own.
-- Parameters: tenant_id, idempotency_key, sent_at of the sender. Result: none. Locks: the row.
DELETE FROM idempotency_reservations
WHERE tenant_id = %(tenant_id)s AND idempotency_key = %(idempotency_key)s
  AND sent_at = %(sent_at)s AND NOT taken_over;
