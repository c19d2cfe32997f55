-- Everything up to these entries is queued. Parameters: partition_ids, entry_seqs (in step).
-- Result: none. Locks: the rows, which the transaction has.
UPDATE delivery_cursors AS c
SET entry_seq = w.entry_seq, caught_up_at = clock_timestamp()
FROM unnest(%(partition_ids)s::smallint[], %(entry_seqs)s::bigint[]) AS w (partition_id, entry_seq)
WHERE c.name = 'webhooks' AND c.partition_id = w.partition_id;
