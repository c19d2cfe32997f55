-- Entries that settle a disbursement, or that a refinance brings one along with, and the record of
-- which disbursement it is, that do not belong together.
-- Parameters: none. Result: one row a fault. Locks: none.
SELECT partition_id, tenant_id, e.entry_seq,
       format('entry %%s, disbursement %%s', coalesce(k.journal_entry_id, e.journal_entry_id),
              k.event_id) AS told
FROM disbursement_entries AS k
FULL JOIN (
    SELECT e.partition_id, e.tenant_id, e.journal_entry_id, min(e.entry_seq) AS entry_seq,
           min(j.loan_id::text) AS loan_id
    FROM journal_entries AS e
    JOIN journal_lines AS j USING (partition_id, entry_seq)
    WHERE e.event_type = 'disbursement_settled' OR (
        e.event_type = 'refinance' AND e.part = 1 AND j.account_code = '2000')
    GROUP BY 1, 2, 3
) AS e USING (partition_id, tenant_id, journal_entry_id)
LEFT JOIN disbursements AS d USING (partition_id, tenant_id, event_id)
WHERE e.entry_seq IS NULL OR d.event_id IS NULL OR d.loan_id::text <> e.loan_id;
