-- Which of the batch's keys wait in quarantine: a duplicate of one is not queued again.
-- Parameters: partition_ids, tenant_ids, idempotency_keys. Result: one row a key that waits.
-- Locks: none.
SELECT q.partition_id, q.tenant_id, q.idempotency_key, q.command_id, q.correlation_id,
       q.fingerprint, 'quarantined' AS status, '{}' AS result, q.command_offset
FROM unnest(%(partition_ids)b::smallint[], %(tenant_ids)b::uuid[], %(idempotency_keys)b::text[])
    AS u (partition_id, tenant_id, idempotency_key)
CROSS JOIN LATERAL (
    SELECT * FROM quarantined_commands AS x
    WHERE x.partition_id = u.partition_id AND x.tenant_id = u.tenant_id
        AND x.idempotency_key = u.idempotency_key AND NOT x.is_share
    LIMIT 1
) AS q;
