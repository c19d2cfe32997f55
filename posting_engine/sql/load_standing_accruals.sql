-- Which loans have an accrual standing on a date, for a backfill.
-- Parameters: partition_id, tenant_id, accrued_on, loan_ids. Result: the loans that have one.
-- Locks: none.
SELECT u.loan_id
FROM unnest(%(loan_ids)b::uuid[]) AS u (loan_id)
CROSS JOIN LATERAL (
    SELECT x.entry_seq
    FROM loans AS l
    JOIN journal_lines AS x ON x.partition_id = l.partition_id AND x.tenant_id = l.tenant_id
        AND x.loan_id = l.loan_id AND x.effective_on = %(accrued_on)b
        AND x.entry_seq >= l.life_began_seq AND x.account_code = '1200' AND x.direction = 'DR'
    JOIN journal_entries AS f ON f.partition_id = x.partition_id AND f.entry_seq = x.entry_seq
        AND f.event_type = 'accrual'
    WHERE l.partition_id = %(partition_id)b AND l.tenant_id = %(tenant_id)b AND l.loan_id = u.loan_id
        AND NOT EXISTS (
            SELECT FROM reversal_targets AS g
            WHERE g.partition_id = f.partition_id AND g.reverses_entry_id = f.journal_entry_id
                AND g.part = f.part AND g.loan_id = x.loan_id
        )
    LIMIT 1
) AS standing;
