-- Forget messages that need not be published again.
-- Parameters: partition_ids, outgoing_seqs (arrays). Result: none. Locks: their rows.
DELETE FROM outgoing_dead_letters AS o
USING unnest(%(partition_ids)s::smallint[], %(outgoing_seqs)s::bigint[])
    AS u (partition_id, outgoing_seq)
WHERE o.partition_id = u.partition_id AND o.outgoing_seq = u.outgoing_seq;
