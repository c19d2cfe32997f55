-- Queue commands for the engines that hold their partitions to sign and send.
-- Parameters: arrays, one element a command. Result: none. Locks: the new rows; a second
-- transaction with the same keys waits for the first.
INSERT INTO outgoing_commands (
    partition_id, tenant_id, idempotency_key, kind, to_partition, record_key, record_value,
    reply_partition, traceparent)
SELECT partition_id, %(tenant_id)s, idempotency_key, 'chunk', partition_id, record_key,
       record_value, %(reply_partition)s, %(traceparent)s
FROM unnest(
    %(partition_ids)s::smallint[], %(idempotency_keys)s::text[], %(record_keys)s::bytea[],
    %(record_values)s::bytea[]
) AS u (partition_id, idempotency_key, record_key, record_value);
