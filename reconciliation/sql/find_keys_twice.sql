-- Idempotency keys that have posted on more than one partition: of a direct producer, whose keys
-- nobody reserves. Steps of one request have keys of their own.
-- Parameters: none. Result: (tenant_id, idempotency_key, partition_ids). Locks: none.
SELECT tenant_id, idempotency_key, array_agg(partition_id ORDER BY partition_id) AS partition_ids
FROM command_outcomes
WHERE status = 'posted'
GROUP BY tenant_id, idempotency_key
HAVING count(*) > 1
LIMIT 1000;
