-- Takes away what a measurement of the limit left.
-- Parameters: none. Result: none. Locks: the schema.
DROP SCHEMA IF EXISTS bench_limit CASCADE
