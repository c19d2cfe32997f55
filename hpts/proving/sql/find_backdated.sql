-- Entries of records that had been applied, all of them, when a checkpoint before the entry was
-- signed. What waited in quarantine counts by the record that resumed it.
-- Parameters: arrays partition_ids, after_seqs, through_seqs, next_offsets: of the entries behind
-- the one and up to the other, the furthest position that was signed before.
-- Result: one row a fault. Locks: none.
SELECT e.partition_id, e.tenant_id, e.entry_seq, e.journal_entry_id,
       format('its record, offset %%s, had been applied when entry %%s was the last one: offset %%s '
              'was signed then', e.command_offset, c.after_seq, c.next_offset) AS told
FROM unnest(%(partition_ids)s::smallint[], %(after_seqs)s::bigint[], %(through_seqs)s::bigint[],
            %(next_offsets)s::bigint[]) AS c (partition_id, after_seq, through_seq, next_offset)
CROSS JOIN LATERAL (
    SELECT j.partition_id, j.tenant_id, j.entry_seq, j.journal_entry_id, j.command_offset
    FROM journal_entries AS j
    WHERE j.partition_id = c.partition_id AND j.command_offset < c.next_offset
      AND j.entry_seq > c.after_seq AND j.entry_seq <= c.through_seq
    OFFSET 0  -- entry by entry of each stretch, never all stretches with all entries
) AS e
LEFT JOIN command_outcomes AS o
    ON o.partition_id = e.partition_id AND o.command_offset = e.command_offset
WHERE greatest(e.command_offset, o.resumed_offset) < c.next_offset;
