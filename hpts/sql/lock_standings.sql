-- Where every partition stands, and nobody moves it until the end of the transaction.
-- Parameters: none. Result: partition_id, topic_id, next_offset, base_offset, last_entry_seq,
-- chain_head, lease_epoch, halted_because. Locks: the partitions' rows.
SELECT partition_id::integer, topic_id, next_offset, base_offset, last_entry_seq, chain_head,
       lease_epoch, halted_because
FROM hpts.partitions ORDER BY partition_id FOR UPDATE;
