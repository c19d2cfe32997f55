-- Say that whatever is posted is queued. Parameters: none. Result: none.
-- Locks: the cursors of partitions whose journal does not go on.
UPDATE delivery_cursors AS c
SET caught_up_at = clock_timestamp()
FROM partitions AS p
WHERE c.name = 'webhooks' AND p.partition_id = c.partition_id AND c.entry_seq >= p.last_entry_seq;
