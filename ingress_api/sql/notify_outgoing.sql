-- Wake the engines when this transaction commits. Parameters: none. Result: none of
-- use. Locks: none.
SELECT pg_notify('hpts_outgoing', '');
