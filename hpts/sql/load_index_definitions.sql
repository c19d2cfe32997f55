-- How to make indexes again.
-- Parameters: schema, names (text[]). Result: name and statement of each that there is.
-- Locks: none.
SELECT c.relname, pg_get_indexdef(c.oid)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relkind = 'i' AND c.relname = ANY(%(names)s::text[])
ORDER BY c.relname;
