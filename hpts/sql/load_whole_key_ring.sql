-- The key ring with what each key may sign.
-- Parameters: none. Result: key_id, secret_reference, tenants, valid_from, valid_until. Locks: none.
SELECT key_id, secret_reference, tenants, valid_from, valid_until
FROM hpts_edge.signing_keys ORDER BY key_id;
