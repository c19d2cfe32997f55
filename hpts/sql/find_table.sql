-- Whether there is such a table.
-- Parameters: name, with its schema. Result: one row, a boolean. Locks: none.
SELECT to_regclass(%(name)s) IS NOT NULL;
