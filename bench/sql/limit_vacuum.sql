-- Parameters: none. Result: none. Locks: the tables, against their definition only.
VACUUM (ANALYZE) bench_limit.loans, bench_limit.items
