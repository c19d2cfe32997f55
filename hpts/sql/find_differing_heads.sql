-- Partitions whose journal, in the books of the search path, is another one than the live books'
-- as far as these go: at their last entry it has another hash than their chain head, or none; or
-- the next entry is of a record that they have applied, and that does not wait in quarantine there.
-- Parameters: none. Result: partition_id, last_entry_seq. Locks: none.
SELECT live.partition_id::integer, live.last_entry_seq
FROM hpts.partitions AS live
LEFT JOIN journal_entries AS e
    ON e.partition_id = live.partition_id AND e.entry_seq = live.last_entry_seq
LEFT JOIN journal_entries AS n
    ON n.partition_id = live.partition_id AND n.entry_seq = live.last_entry_seq + 1
WHERE (live.last_entry_seq > 0 AND e.entry_hash IS DISTINCT FROM live.chain_head)
   OR (n.command_offset < live.next_offset AND NOT EXISTS (
       SELECT FROM hpts.quarantined_commands AS q
       WHERE q.partition_id = n.partition_id AND q.command_offset = n.command_offset))
ORDER BY 1;
