-- Note a migration, in the transaction that applies it.
-- Parameters: name, sha256. Result: none. Locks: the new row.
INSERT INTO hpts_edge.migrations (name, sha256) VALUES (%(name)s, %(sha256)s);
