-- A schema, and what it says of itself.
-- Parameters: name. Result: its comment (NULL: none); no row where there is no such schema.
-- Locks: none.
SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %(name)s;
