-- Entries behind the last checkpoint of their partition whose record lies before the position that
-- it signed: of those records everything had been applied, but for what waited in quarantine.
-- Parameters: partition_ids, entry_seqs, next_offsets. Result: one row a fault. Locks: none.
SELECT e.partition_id, e.tenant_id, e.entry_seq, e.journal_entry_id,
       format('its record, offset %%s, had been applied when the last checkpoint was signed',
              e.command_offset) AS told
FROM journal_entries AS e
JOIN unnest(%(partition_ids)s::smallint[], %(entry_seqs)s::bigint[], %(next_offsets)s::bigint[])
    AS c (partition_id, entry_seq, next_offset) ON c.partition_id = e.partition_id
LEFT JOIN command_outcomes AS o
    ON o.partition_id = e.partition_id AND o.command_offset = e.command_offset
WHERE e.entry_seq > c.entry_seq
  AND greatest(e.command_offset, o.resumed_offset) < c.next_offset;
