-- An entry as it stands in the books. Parameters: partition_id, entry_seq.
-- Result: one row or none. Locks: none.
SELECT tenant_id, journal_entry_id, part, event_type, event_id, effective_on, booked_on, posted_at,
       correlation_id, reverses_entry_id, command_offset, entry_hash
FROM journal_entries
WHERE partition_id = %(partition_id)s AND entry_seq = %(entry_seq)s;
