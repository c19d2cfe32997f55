-- Where partitions stand, and the topic that the ledger is pinned to (NULL: to none).
-- Parameters: none. Result: one row a partition. Locks: none.
SELECT p.partition_id, p.topic_id, p.next_offset, p.last_entry_seq, p.chain_head,
       s.commands_topic_id AS pinned_topic_id
FROM partitions AS p
LEFT JOIN ledger_settings AS s ON true
ORDER BY p.partition_id;
