-- Earlier outcomes of the batch's keys: what has one is a duplicate, for ever.
-- Parameters: partition_ids, tenant_ids, idempotency_keys. Result: one row a key that has one.
-- Locks: none.
SELECT o.partition_id, o.tenant_id, o.idempotency_key, o.command_id, o.correlation_id,
       o.fingerprint, o.status, o.result::text,
       coalesce(o.resumed_offset, o.command_offset) AS command_offset
FROM unnest(%(partition_ids)b::smallint[], %(tenant_ids)b::uuid[], %(idempotency_keys)b::text[])
    AS u (partition_id, tenant_id, idempotency_key)
CROSS JOIN LATERAL (
    SELECT * FROM command_outcomes AS c
    WHERE c.partition_id = u.partition_id AND c.tenant_id = u.tenant_id
        AND c.idempotency_key = u.idempotency_key
    LIMIT 1
) AS o;
