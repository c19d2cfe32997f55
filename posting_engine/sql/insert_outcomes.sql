-- Record what became of each command.
-- Parameters: arrays, one element a command. Result: none. Locks: none but the new rows.
INSERT INTO command_outcomes (
    partition_id, tenant_id, idempotency_key, command_id, correlation_id, command_type,
    fingerprint, status, result, accrual_event_id, chunks_total, command_offset, posted_at)
SELECT partition_id, tenant_id, idempotency_key, command_id, correlation_id, command_type,
       fingerprint, status, result::json, accrual_event_id, chunks_total, command_offset, posted_at
FROM unnest(
    %(partition_id)s::smallint[], %(tenant_id)s::uuid[], %(idempotency_key)s::text[],
    %(command_id)s::uuid[], %(correlation_id)s::uuid[], %(command_type)s::text[],
    %(fingerprint)s::bytea[], %(status)s::text[], %(result)s::text[],
    %(accrual_event_id)s::uuid[], %(chunks_total)s::integer[], %(command_offset)s::bigint[],
    %(posted_at)s::timestamptz[]
) AS u (partition_id, tenant_id, idempotency_key, command_id, correlation_id, command_type,
        fingerprint, status, result, accrual_event_id, chunks_total, command_offset, posted_at);
