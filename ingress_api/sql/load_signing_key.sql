-- The key that signs what this process sends.
-- Parameters: key_id. Result: one row, or none while the key is not in the ring. Locks: none.
SELECT key_id, secret_reference, tenants, valid_from, valid_until
FROM signing_keys
WHERE key_id = %(key_id)s;
