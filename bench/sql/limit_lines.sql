-- A debit for each loan, and a credit for each chunk.
-- Parameters: accrued_on. Result: none. Locks: none.
INSERT INTO bench_limit.journal_lines (
    partition_id, entry_seq, sequence, tenant_id, account_code, direction, amount_minor, currency,
    layer, loan_id, borrower_id, effective_on)
SELECT partition_id, entry_seq, sequence, tenant_id, '1200', 'DR', interest_minor, 'USD',
    'SETTLED', loan_id, borrower_id, %(accrued_on)s
FROM bench_limit.items
UNION ALL
SELECT partition_id, entry_seq, 1001, tenant_id, '4000', 'CR', sum(interest_minor), 'USD',
    'SETTLED', NULL, NULL, %(accrued_on)s
FROM bench_limit.items GROUP BY partition_id, entry_seq, tenant_id
