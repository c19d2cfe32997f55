-- A table like one of the ledger's, with all of its indexes, checks and settings.
-- Parameters: {table} (an identifier). Result: none. Locks: none.
CREATE TABLE bench_limit.{table} (LIKE hpts.{table} INCLUDING ALL)
