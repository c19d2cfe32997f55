-- Be the only witness of this ledger, until this session ends. Parameters: none.
-- Result: (is_taken). Locks: an advisory lock of the session.
SELECT pg_try_advisory_lock(1382376553, 0) AS is_taken;
