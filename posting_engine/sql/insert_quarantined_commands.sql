-- Keep commands until an operator decides.
-- Parameters: arrays, one element a command. Result: none. Locks: none but the new rows.
INSERT INTO quarantined_commands (
    partition_id, tenant_id, loan_id, command_offset, idempotency_key, command_id, correlation_id,
    command_type, fingerprint, is_share, reason, appended_at, quarantined_at, record_key,
    record_value, record_headers)
SELECT partition_id, tenant_id, loan_id, command_offset, idempotency_key, command_id,
       correlation_id, command_type, fingerprint, is_share, reason, appended_at, quarantined_at,
       record_key, record_value, record_headers::json
FROM unnest(
    %(partition_id)b::smallint[], %(tenant_id)b::uuid[], %(loan_id)b::uuid[],
    %(command_offset)b::bigint[], %(idempotency_key)b::text[], %(command_id)b::uuid[],
    %(correlation_id)b::uuid[], %(command_type)b::text[], %(fingerprint)b::bytea[],
    %(is_share)b::boolean[], %(reason)b::text[], %(appended_at)b::timestamptz[],
    %(quarantined_at)b::timestamptz[], %(record_key)b::bytea[], %(record_value)b::bytea[],
    %(record_headers)b::text[]
) AS u (partition_id, tenant_id, loan_id, command_offset, idempotency_key, command_id,
        correlation_id, command_type, fingerprint, is_share, reason, appended_at, quarantined_at,
        record_key, record_value, record_headers);
