-- Forget published checkpoints before one that is published, too: the topic has them.
-- Parameters: partition_id, number. Result: none. Locks: the rows.
DELETE FROM checkpoints
WHERE partition_id = %(partition_id)b AND number < %(number)b AND published_at IS NOT NULL;
