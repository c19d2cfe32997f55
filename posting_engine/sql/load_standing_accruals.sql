-- Which loans have an accrual standing on a date, for a backfill: the latest, whichever life of the
-- loan it belongs to (the core compares, because a batch may begin another life).
-- Parameters: partition_id, tenant_id, accrued_on, loan_ids. Result: loan and entry_seq.
-- Locks: none.
SELECT u.loan_id, standing.entry_seq
FROM unnest(%(loan_ids)b::uuid[]) AS u (loan_id)
CROSS JOIN LATERAL (
    SELECT x.entry_seq
    FROM journal_lines AS x
    JOIN journal_entries AS f ON f.partition_id = x.partition_id AND f.entry_seq = x.entry_seq
        AND f.event_type = 'accrual'
    WHERE x.partition_id = %(partition_id)b AND x.tenant_id = %(tenant_id)b
        AND x.loan_id = u.loan_id AND x.effective_on = %(accrued_on)b
        AND x.account_code = '1200' AND x.direction = 'DR'
        AND NOT EXISTS (
            SELECT FROM reversal_targets AS g
            WHERE g.partition_id = f.partition_id AND g.reverses_entry_id = f.journal_entry_id
                AND g.part = f.part AND g.loan_id = x.loan_id
        )
    ORDER BY x.entry_seq DESC
    LIMIT 1
) AS standing;
