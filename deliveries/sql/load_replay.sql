-- Of the next tenant that waits for any, the oldest replay that is not finished, for this transaction
-- alone: each tenant has its turn, however much another asked for.
-- Parameters: after_tenant. Result: one row or none. Locks: the row; what another holds is left out.
SELECT replay_id, tenant_id, endpoint_id, from_at, next_seqs, through_seqs
FROM webhook_replays
WHERE finished_at IS NULL
ORDER BY tenant_id <= %(after_tenant)s::uuid, tenant_id, requested_at
LIMIT 1
FOR UPDATE SKIP LOCKED;
