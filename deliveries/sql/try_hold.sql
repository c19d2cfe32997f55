-- Be the only session that does a kind of work on some things, until this session ends.
-- Parameters: kind, ids. Result: the ids that nobody held. Locks: an advisory lock of the session
-- on each of them.
SELECT w.id FROM unnest(%(ids)s::integer[]) AS w (id)
WHERE pg_try_advisory_lock(%(kind)s::integer, w.id);
