-- How much has ever been written ahead.
-- Parameters: none. Result: one row (bytes). Locks: none.
SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint
