-- Record what became of each command.
-- Parameters: arrays, one element a command. Result: none. Locks: none but the new rows.
INSERT INTO command_outcomes (
    partition_id, tenant_id, idempotency_key, command_id, correlation_id, command_type,
    fingerprint, status, result, accrual_event_id, chunks_total, command_offset, posted_at,
    resumed_offset)
SELECT partition_id, tenant_id, idempotency_key, command_id, correlation_id, command_type,
       fingerprint, status, result::json, accrual_event_id, chunks_total, command_offset, posted_at,
       resumed_offset
FROM unnest(
    %(partition_id)b::smallint[], %(tenant_id)b::uuid[], %(idempotency_key)b::text[],
    %(command_id)b::uuid[], %(correlation_id)b::uuid[], %(command_type)b::text[],
    %(fingerprint)b::bytea[], %(status)b::text[], %(result)b::text[],
    %(accrual_event_id)b::uuid[], %(chunks_total)b::integer[], %(command_offset)b::bigint[],
    %(posted_at)b::timestamptz[], %(resumed_offset)b::bigint[]
) AS u (partition_id, tenant_id, idempotency_key, command_id, correlation_id, command_type,
        fingerprint, status, result, accrual_event_id, chunks_total, command_offset, posted_at,
    resumed_offset);
