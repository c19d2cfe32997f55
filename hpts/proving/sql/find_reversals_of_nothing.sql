-- What reversal_targets says to be reversed, and is not: by no entry; or of an entry that is not
-- there before it, or is itself a reversal; or of a loan that either of the two has no line of.
-- Parameters: none. Result: one row a fault. Locks: none.
SELECT t.partition_id, t.tenant_id, e.entry_seq, o.entry_seq AS reversed_entry_seq,
       nullif(t.loan_id, '00000000-0000-0000-0000-000000000000') AS loan_id,
       CASE
           WHEN e.entry_seq IS NULL THEN format('no entry %%s reverses %%s, part %%s',
               t.reversed_by_entry_id, t.reverses_entry_id, t.part)
           WHEN o.entry_seq IS NULL THEN format('%%s, part %%s, is not there before it',
               t.reverses_entry_id, t.part)
           WHEN o.event_type IN ('reversal', 'payment_returned') THEN
               format('%%s is itself a reversal', t.reverses_entry_id)
           ELSE format('%%s, part %%s, or its reversal has no line of the loan',
               t.reverses_entry_id, t.part)
       END AS told
FROM reversal_targets AS t
LEFT JOIN journal_entries AS e
    ON e.partition_id = t.partition_id AND e.tenant_id = t.tenant_id
    AND e.journal_entry_id = t.reversed_by_entry_id
    AND e.reverses_entry_id = t.reverses_entry_id AND e.reverses_part = t.part
LEFT JOIN journal_entries AS o
    ON o.partition_id = t.partition_id AND o.tenant_id = t.tenant_id
    AND o.journal_entry_id = t.reverses_entry_id AND o.part = t.part
    AND o.entry_seq < e.entry_seq
LEFT JOIN LATERAL (
    SELECT count(DISTINCT j.entry_seq) AS entries
    FROM journal_lines AS j
    WHERE j.partition_id = t.partition_id AND j.entry_seq IN (e.entry_seq, o.entry_seq)
        AND j.loan_id = t.loan_id
) AS l ON t.loan_id <> '00000000-0000-0000-0000-000000000000'
WHERE e.entry_seq IS NULL OR o.entry_seq IS NULL
   OR o.event_type IN ('reversal', 'payment_returned') OR l.entries < 2;
