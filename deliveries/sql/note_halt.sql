-- Say why nothing of a partition's journal is published. Parameters: partition_id, reason.
-- Result: none. Locks: the row.
INSERT INTO delivery_cursors (name, partition_id, entry_seq, caught_up_at, halted_because)
VALUES ('journal_topic', %(partition_id)s, 0, 'epoch', %(reason)s)
ON CONFLICT (name, partition_id) DO UPDATE SET halted_because = excluded.halted_because;
