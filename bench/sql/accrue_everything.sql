-- The set-based limit: every loan accrues a day, in one statement, with the rows of the engine.
-- Parameters: tenant_id, accrued_on, interest_minor, entry_seq. Result: none. Locks: all loans.
WITH accrued AS (
    UPDATE loans
    SET interest_minor = interest_minor + %(interest_minor)b::bigint,
        accrued_through = %(accrued_on)b::date,
        last_activity_at = now(),
        version = version + 1
    WHERE tenant_id = %(tenant_id)b AND currency = 'USD' AND standing_charge_offs = 0
        AND standing_refinances = 0 AND opened_on <= %(accrued_on)b
        AND (accrued_through IS NULL OR accrued_through < %(accrued_on)b)
    RETURNING partition_id, loan_id, borrower_id
),
numbered AS (
    SELECT partition_id, loan_id, borrower_id,
           row_number() OVER (PARTITION BY partition_id) AS number
    FROM accrued
)
INSERT INTO journal_lines (
    partition_id, entry_seq, sequence, tenant_id, account_code, direction, amount_minor, currency,
    layer, loan_id, borrower_id, effective_on)
SELECT partition_id, %(entry_seq)b::bigint + number / 1000, 1 + number %% 1000, %(tenant_id)b, '1200',
       'DR', %(interest_minor)b, 'USD', 'SETTLED', loan_id, borrower_id, %(accrued_on)b
FROM numbered;
