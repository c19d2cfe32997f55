-- Wake the engines when this transaction commits. Parameters, result, locks: none.
SELECT pg_notify('hpts_outgoing', '');
