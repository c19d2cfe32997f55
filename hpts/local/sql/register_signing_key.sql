-- Puts the local key into the key ring, for every tenant and from the beginning of time.
-- Parameters: key_id, secret_reference. Result: none. Locks: the row of the key.
INSERT INTO hpts_edge.signing_keys (key_id, secret_reference, tenants, valid_from)
VALUES (%(key_id)s, %(secret_reference)s, NULL, 'epoch')
ON CONFLICT (key_id) DO UPDATE SET secret_reference = excluded.secret_reference
