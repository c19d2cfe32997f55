-- What each table takes, its indexes included.
-- Parameters: none. Result: (table, bytes). Locks: none.
SELECT c.relname, pg_total_relation_size(c.oid)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname IN ('hpts', 'hpts_edge') AND c.relkind = 'r'
