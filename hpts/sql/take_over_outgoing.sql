-- Take what the live books have still to send into those of the search path, in its order.
-- Parameters: none. Result: none. Locks: none but the new rows.
INSERT INTO outgoing_commands (
    partition_id, tenant_id, idempotency_key, kind, to_partition, record_key, record_value,
    reply_partition, traceparent)
SELECT partition_id, tenant_id, idempotency_key, kind, to_partition, record_key, record_value,
       reply_partition, traceparent
FROM hpts.outgoing_commands ORDER BY outgoing_seq
ON CONFLICT DO NOTHING;
