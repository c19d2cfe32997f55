-- Queue the next steps of commands, for whoever holds this partition to sign and send.
-- Parameters: arrays, one element a command. Result: none. Locks: none but the new rows.
INSERT INTO outgoing_commands (
    partition_id, tenant_id, idempotency_key, kind, to_partition, record_key, record_value,
    reply_partition, traceparent)
SELECT partition_id, tenant_id, idempotency_key, 'follow_up', to_partition, record_key,
       record_value, reply_partition, traceparent
FROM unnest(
    %(partition_id)b::smallint[], %(tenant_id)b::uuid[], %(idempotency_key)b::text[],
    %(to_partition)b::smallint[], %(record_key)b::bytea[], %(record_value)b::bytea[],
    %(reply_partition)b::smallint[], %(traceparent)b::text[]
) AS u (partition_id, tenant_id, idempotency_key, to_partition, record_key, record_value,
        reply_partition, traceparent);
