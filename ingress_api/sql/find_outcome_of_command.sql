-- What became of a command, by its id; also of one that no ingress took in.
-- Parameters: tenant_id, partition_id, command_id. Result: one row or none. Locks: none.
SELECT tenant_id, command_id, correlation_id, idempotency_key, fingerprint, status,
       result::text AS result, partition_id,
           coalesce(resumed_offset, command_offset) AS command_offset, command_type
FROM command_outcomes
WHERE partition_id = %(partition_id)s AND tenant_id = %(tenant_id)s
  AND command_id = %(command_id)s;
