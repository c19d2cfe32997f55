-- The key ring.
-- Parameters: none. Result: one row a key. Locks: none.
SELECT key_id, secret_reference, tenants, valid_from, valid_until FROM signing_keys;
