-- The parts of a journal entry, in all partitions where it may have one.
-- Parameters: partition_ids, tenant_id, journal_entry_id. Result: in order. Locks: none.
SELECT partition_id, entry_seq, journal_entry_id, part, event_type, effective_on, posted_at,
       correlation_id, reverses_entry_id, actor, description, metadata, details
FROM readable_entries
WHERE partition_id = ANY(%(partition_ids)s) AND tenant_id = %(tenant_id)s
  AND journal_entry_id = %(journal_entry_id)s
ORDER BY partition_id, entry_seq;
