-- The key ring.
-- Parameters: none. Result: key_id, secret_reference, valid_from, valid_until. Locks: none.
SELECT key_id, secret_reference, valid_from, valid_until
FROM hpts_edge.signing_keys ORDER BY key_id;
