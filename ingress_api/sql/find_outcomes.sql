-- What became of commands, by key; of what waits in quarantine, that it does. The lateral subqueries
-- keep the plans on the keys.
-- Parameters: arrays partition_ids, idempotency_keys; tenant_id. Result: a row an outcome.
-- Locks: none.
WITH wanted AS (
    SELECT * FROM unnest(%(partition_ids)s::smallint[], %(idempotency_keys)s::text[])
        AS u (partition_id, idempotency_key)
)
SELECT o.*
FROM wanted AS u
CROSS JOIN LATERAL (
    SELECT tenant_id, command_id, correlation_id, idempotency_key, fingerprint, status,
           result::text AS result, partition_id,
           coalesce(resumed_offset, command_offset) AS command_offset
    FROM command_outcomes AS c
    WHERE c.partition_id = u.partition_id AND c.tenant_id = %(tenant_id)s
      AND c.idempotency_key = u.idempotency_key
    LIMIT 1
) AS o
UNION ALL
SELECT q.*
FROM wanted AS u
CROSS JOIN LATERAL (
    SELECT tenant_id, command_id, correlation_id, idempotency_key, fingerprint, 'quarantined',
           '{}', partition_id, command_offset
    FROM quarantined_commands AS x
    WHERE x.partition_id = u.partition_id AND x.tenant_id = %(tenant_id)s
      AND x.idempotency_key = u.idempotency_key AND NOT x.is_share
    LIMIT 1
) AS q;
