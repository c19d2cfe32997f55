-- How many steps of a request that became many commands have an outcome.
-- Parameters: tenant_id, partition_count, correlation_id (the request's command id).
-- Result: one row. Locks: none.
SELECT coalesce(sum(o.known), 0)::bigint AS known
FROM generate_series(0, %(partition_count)s - 1) AS p (partition_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS known
    FROM command_outcomes AS c
    WHERE c.partition_id = p.partition_id AND c.tenant_id = %(tenant_id)s
      AND c.correlation_id = %(correlation_id)s AND c.chunks_total IS NOT NULL
) AS o;
