-- Queue commands for the engines that hold their partitions to sign and send.
-- Parameters: none; a row a command follows, in order of partition. Result: none. Locks: the new
-- rows; a second transaction with the same keys waits for the first.
COPY outgoing_commands (
    partition_id, tenant_id, idempotency_key, kind, to_partition, record_key, record_value,
    reply_partition, traceparent)
FROM STDIN (FORMAT binary);
