-- Keep a checkpoint to be published, unless there is one of that number.
-- Parameters: the row. Result: none. Locks: none but the new row.
INSERT INTO checkpoints (partition_id, number, entry_seq, next_offset, made_at, frontier, message)
VALUES (%(partition_id)s, %(number)s, %(entry_seq)s, %(next_offset)s, %(made_at)s, %(frontier)s,
        %(message)s)
ON CONFLICT (partition_id, number) DO NOTHING;
