-- No migration while this transaction lasts.
-- Parameters: none. Result: one row. Locks: an advisory lock, until the transaction ends.
SELECT pg_advisory_xact_lock(hashtext('hpts migrate'));
