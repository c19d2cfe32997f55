-- What became of attempts, and what that makes of their deliveries.
-- Parameters: endpoint_ids, journal_entry_ids, attempted_ats, durations_ms, status_codes, errors,
-- statuses (pending, delivered, exhausted), in step. Result: none. Locks: the deliveries.
WITH done AS (
    SELECT * FROM unnest(
        %(endpoint_ids)s::uuid[], %(journal_entry_ids)s::uuid[], %(attempted_ats)s::timestamptz[],
        %(durations_ms)s::integer[], %(status_codes)s::integer[], %(errors)s::text[],
        %(statuses)s::text[])
        AS w (endpoint_id, journal_entry_id, attempted_at, duration_ms, status_code, error, status)
), told AS (
    UPDATE webhook_deliveries AS d
    SET tries = d.tries + 1, status = w.status,
        finished_at = CASE WHEN w.status <> 'pending' THEN clock_timestamp() END
    FROM done AS w
    WHERE d.endpoint_id = w.endpoint_id AND d.journal_entry_id = w.journal_entry_id
      AND d.status = 'pending'
    RETURNING d.endpoint_id
)
INSERT INTO webhook_attempts (
    endpoint_id, journal_entry_id, attempted_at, tenant_id, duration_ms, status_code, error)
SELECT w.endpoint_id, w.journal_entry_id, w.attempted_at, d.tenant_id, w.duration_ms, w.status_code,
       w.error
FROM done AS w
JOIN webhook_deliveries AS d
  ON d.endpoint_id = w.endpoint_id AND d.journal_entry_id = w.journal_entry_id
ON CONFLICT DO NOTHING;
