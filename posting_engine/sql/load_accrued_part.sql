-- The shares of one part of an accrual batch, for its reversal; a part that is itself a reversal
-- is told as such.
-- Parameters: partition_id, tenant_id, journal_entry_id, part. Result: one row a loan, in line order.
-- Locks: none.
SELECT j.loan_id, e.part, e.entry_seq, e.event_id AS accrual_event_id, j.amount_minor, j.currency,
       e.effective_on AS accrued_on, p.effective_on AS previous_accrued_on,
       t.reversed_by_entry_id AS reversed_by,
       e.event_type = 'reversal' AS is_reversal
FROM journal_entries AS e
JOIN journal_lines AS j ON j.partition_id = e.partition_id AND j.entry_seq = e.entry_seq
LEFT JOIN LATERAL (
    SELECT * FROM reversal_targets AS r
    WHERE r.partition_id = e.partition_id AND r.reverses_entry_id = e.journal_entry_id
        AND r.part = e.part AND r.loan_id = j.loan_id
    LIMIT 1
) AS t ON true
LEFT JOIN LATERAL (
    SELECT x.effective_on
    FROM loans AS l
    JOIN journal_lines AS x ON x.partition_id = l.partition_id AND x.tenant_id = l.tenant_id
        AND x.loan_id = l.loan_id AND x.effective_on < e.effective_on
        AND x.entry_seq >= l.life_began_seq AND x.account_code = '1200' AND x.direction = 'DR'
    JOIN journal_entries AS f ON f.partition_id = x.partition_id AND f.entry_seq = x.entry_seq
        AND f.event_type = 'accrual'
    WHERE l.partition_id = e.partition_id AND l.tenant_id = e.tenant_id AND l.loan_id = j.loan_id
        AND NOT EXISTS (
            SELECT FROM reversal_targets AS g
            WHERE g.partition_id = f.partition_id AND g.reverses_entry_id = f.journal_entry_id
                AND g.part = f.part AND g.loan_id = x.loan_id
        )
    ORDER BY x.effective_on DESC
    LIMIT 1
) AS p ON true
WHERE e.partition_id = %(partition_id)b AND e.journal_entry_id = %(journal_entry_id)b
    AND e.part = %(part)b AND e.tenant_id = %(tenant_id)b
    AND (
        (e.event_type = 'accrual' AND j.account_code = '1200' AND j.direction = 'DR')
        OR (e.event_type = 'reversal' AND j.sequence = 1)
    )
ORDER BY j.sequence;
