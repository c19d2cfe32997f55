-- Entries that reverse another, and of which reversal_targets does not say so.
-- Parameters: none. Result: one row a fault. Locks: none.
SELECT e.partition_id, e.tenant_id, e.entry_seq,
       format('it reverses %%s, part %%s, and nothing records it', e.reverses_entry_id,
              e.reverses_part) AS told
FROM journal_entries AS e
LEFT JOIN reversal_targets AS t
    ON t.partition_id = e.partition_id AND t.tenant_id = e.tenant_id
    AND t.reverses_entry_id = e.reverses_entry_id AND t.part = e.reverses_part
    AND t.reversed_by_entry_id = e.journal_entry_id
WHERE e.reverses_entry_id IS NOT NULL AND t.partition_id IS NULL;
