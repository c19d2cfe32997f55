-- Entries that reverse another, and of which reversal_targets does not say so: as a whole, or of an
-- accrual each loan that the reversal has lines of.
-- Parameters: none. Result: one row a fault. Locks: none.
SELECT e.partition_id, e.tenant_id, e.entry_seq,
       nullif(l.loan_id, '00000000-0000-0000-0000-000000000000') AS loan_id,
       format('it reverses %%s, part %%s, and nothing records it', e.reverses_entry_id,
              e.reverses_part) AS told
FROM journal_entries AS e
LEFT JOIN journal_entries AS o
    ON o.partition_id = e.partition_id AND o.journal_entry_id = e.reverses_entry_id
    AND o.part = e.reverses_part AND o.event_type = 'accrual'
CROSS JOIN LATERAL (
    SELECT DISTINCT j.loan_id
    FROM journal_lines AS j
    WHERE o.entry_seq IS NOT NULL AND j.partition_id = e.partition_id
        AND j.entry_seq = e.entry_seq AND j.loan_id IS NOT NULL
    UNION ALL
    SELECT '00000000-0000-0000-0000-000000000000' WHERE o.entry_seq IS NULL
) AS l
LEFT JOIN reversal_targets AS t
    ON t.partition_id = e.partition_id AND t.tenant_id = e.tenant_id
    AND t.reverses_entry_id = e.reverses_entry_id AND t.part = e.reverses_part
    AND t.reversed_by_entry_id = e.journal_entry_id AND t.loan_id = l.loan_id
WHERE e.reverses_entry_id IS NOT NULL AND t.partition_id IS NULL;
