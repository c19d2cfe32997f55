-- Reserve keys for commands, many requests at once, in the order given (sorted by key, so that
-- two processes never wait for each other in a circle).
-- Parameters: arrays, one element a request. Result: the keys now reserved; a key that is missing
-- was reserved before. Locks: the new rows; waits for another transaction inserting the same key.
INSERT INTO idempotency_reservations (
    tenant_id, idempotency_key, command_id, fingerprint, partition_id, required_scope,
    accepted_at, sent_at)
SELECT tenant_id, idempotency_key, command_id, fingerprint, partition_id, required_scope,
       accepted_at, clock_timestamp()
FROM unnest(
    %(tenant_id)b::uuid[], %(idempotency_key)b::text[], %(command_id)b::uuid[],
    %(fingerprint)b::bytea[], %(partition_id)b::smallint[], %(required_scope)b::text[],
    %(accepted_at)b::timestamptz[]
) AS u (tenant_id, idempotency_key, command_id, fingerprint, partition_id, required_scope,
        accepted_at)
ON CONFLICT DO NOTHING
RETURNING tenant_id, idempotency_key, sent_at;
