-- Forget messages that the broker has acknowledged.
-- Parameters: partition_ids, outgoing_seqs. Result: none. Locks: the rows.
DELETE FROM outgoing_dead_letters AS o
USING unnest(%(partition_ids)b::smallint[], %(outgoing_seqs)b::bigint[])
    AS u (partition_id, outgoing_seq)
WHERE o.partition_id = u.partition_id AND o.outgoing_seq = u.outgoing_seq;
