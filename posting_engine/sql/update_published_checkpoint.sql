-- Note that a checkpoint is published.
-- Parameters: partition_id, number. Result: none. Locks: the row.
UPDATE checkpoints
SET published_at = clock_timestamp()
WHERE partition_id = %(partition_id)b AND number = %(number)b;
