-- Where a partition stands, and the link of its chain at an earlier entry.
-- Parameters: partition_id, entry_seq. Result: topic_id, next_offset, last_entry_seq, chain_head,
-- entry_hash (NULL where there is no such entry); none for a partition that is not there.
-- Locks: none.
SELECT p.topic_id, p.next_offset, p.last_entry_seq, p.chain_head, e.entry_hash
FROM partitions AS p
LEFT JOIN journal_entries AS e
    ON e.partition_id = p.partition_id AND e.entry_seq = %(entry_seq)s
WHERE p.partition_id = %(partition_id)s;
