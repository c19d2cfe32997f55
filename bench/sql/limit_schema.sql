-- Where the limit is measured: away from the books, in the same database.
-- Parameters: none. Result: none. Locks: none.
CREATE SCHEMA bench_limit
