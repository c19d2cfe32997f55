-- Puts a key into the ring. It is never valid in the past: what was judged foreign stays foreign.
-- Parameters: key_id, secret_reference, tenants (uuid[]; NULL: every tenant), valid_from (NULL: now).
-- Result: one row (valid_from), or none where there is a key of this id. Locks: none.
INSERT INTO hpts_edge.signing_keys (key_id, secret_reference, tenants, valid_from)
VALUES (%(key_id)s, %(secret_reference)s, %(tenants)s::uuid[],
        greatest(%(valid_from)s::timestamptz, clock_timestamp()))
ON CONFLICT (key_id) DO NOTHING
RETURNING valid_from;
