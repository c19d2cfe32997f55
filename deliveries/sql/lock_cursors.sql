-- The partitions whose journal goes on, to be told to the endpoints' queues by this transaction
-- alone. Parameters: none. Result: (partition_id, entry_seq, last_entry_seq), in order.
-- Locks: these cursors, until the end of the transaction; what another holds is left out.
SELECT c.partition_id, c.entry_seq, p.last_entry_seq
FROM delivery_cursors AS c
JOIN partitions AS p ON p.partition_id = c.partition_id
WHERE c.name = 'webhooks' AND p.last_entry_seq > c.entry_seq
ORDER BY c.partition_id
FOR UPDATE OF c SKIP LOCKED;
