-- One archiver at a time for this ledger.
-- Parameters: none. Result: one row, whether it is ours. Locks: an advisory lock, until the
-- session ends.
SELECT pg_try_advisory_lock(hashtext('hpts archive'));
