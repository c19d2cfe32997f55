-- A secret that an endpoint's events are signed by. Parameters: endpoint_id, tenant_id, secret.
-- Result: none. Locks: the new row.
INSERT INTO webhook_secrets (endpoint_id, tenant_id, secret)
VALUES (%(endpoint_id)s, %(tenant_id)s, %(secret)s);
