-- What autovacuum would do some time during the measurement.
-- Parameters: none. Result: none. Locks: the table, against its definition only.
VACUUM (ANALYZE) hpts.loans
