-- Puts a local key into the key ring, valid from the beginning of time.
-- Parameters: key_id, secret_reference, tenants (uuid[]; NULL: every tenant). Result: none.
-- Locks: the row of the key.
INSERT INTO hpts_edge.signing_keys (key_id, secret_reference, tenants, valid_from)
VALUES (%(key_id)s, %(secret_reference)s, %(tenants)s, 'epoch')
ON CONFLICT (key_id) DO UPDATE
SET secret_reference = excluded.secret_reference, tenants = excluded.tenants
