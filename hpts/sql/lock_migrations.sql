-- One migration at a time in this database.
-- Parameters: none. Result: one row. Locks: an advisory lock, until the session ends.
SELECT pg_advisory_lock(hashtext('hpts migrate'));
