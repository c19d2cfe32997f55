-- Take over a stale reservation, if nobody else has since it was read (compare-and-set).
-- Parameters: tenant_id, idempotency_key, sent_at as read. Result: the new sent_at, or no row.
-- Locks: the row.
UPDATE idempotency_reservations
SET sent_at = clock_timestamp(), taken_over = true
WHERE tenant_id = %(tenant_id)s AND idempotency_key = %(idempotency_key)s
  AND sent_at = %(sent_at)s
  AND sent_at < clock_timestamp() - interval '30 seconds'
RETURNING sent_at;
