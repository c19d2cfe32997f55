-- The key ring, and what is in force now.
-- Parameters: none. Result: one row a key, the oldest first. Locks: none.
SELECT key_id, secret_reference, tenants, valid_from, valid_until,
       valid_from <= clock_timestamp()
           AND (valid_until IS NULL OR valid_until > clock_timestamp()) AS is_in_force
FROM hpts_edge.signing_keys
ORDER BY valid_from, key_id;
