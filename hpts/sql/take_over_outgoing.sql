-- Take what the log cannot give again into the books of the search path, in its order: chunks that
-- ingress has accepted and no engine has sent. Follow-ups and announcements of dead letters come of
-- applying the log, so the rebuilt books have their own.
-- Parameters: none. Result: none. Locks: none but the new rows.
INSERT INTO outgoing_commands (
    partition_id, tenant_id, idempotency_key, kind, to_partition, record_key, record_value,
    reply_partition, traceparent)
SELECT partition_id, tenant_id, idempotency_key, kind, to_partition, record_key, record_value,
       reply_partition, traceparent
FROM hpts.outgoing_commands
WHERE kind = 'chunk'
ORDER BY outgoing_seq
ON CONFLICT DO NOTHING;
