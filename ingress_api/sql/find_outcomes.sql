-- What became of commands, by key. The lateral subquery keeps the plan on the primary key.
-- Parameters: arrays partition_ids, idempotency_keys; tenant_id. Result: a row an outcome.
-- Locks: none.
SELECT o.*
FROM unnest(%(partition_ids)s::smallint[], %(idempotency_keys)s::text[])
    AS u (partition_id, idempotency_key)
CROSS JOIN LATERAL (
    SELECT tenant_id, command_id, correlation_id, idempotency_key, fingerprint, status,
           result::text AS result, partition_id, command_offset
    FROM command_outcomes AS c
    WHERE c.partition_id = u.partition_id AND c.tenant_id = %(tenant_id)s
      AND c.idempotency_key = u.idempotency_key
    LIMIT 1
) AS o;
