-- Keep a checkpoint to be published, unless there is one of that number.
-- Parameters: the row. Result: none. Locks: none but the new row.
INSERT INTO checkpoints (partition_id, number, entry_seq, next_offset, made_at, frontier, message)
VALUES (%(partition_id)b, %(number)b, %(entry_seq)b, %(next_offset)b, %(made_at)b, %(frontier)b,
        %(message)b)
ON CONFLICT (partition_id, number) DO NOTHING;
