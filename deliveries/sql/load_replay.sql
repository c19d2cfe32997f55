-- The oldest replay that is not finished, for this transaction alone. Parameters: none.
-- Result: one row or none. Locks: the row; what another holds is left out.
SELECT replay_id, endpoint_id, from_at, next_seqs, through_seqs
FROM webhook_replays
WHERE finished_at IS NULL
ORDER BY requested_at
LIMIT 1
FOR UPDATE SKIP LOCKED;
