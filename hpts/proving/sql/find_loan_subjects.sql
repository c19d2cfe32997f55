-- Loans whose borrower or currency is not that of their last settled line.
-- Parameters: none. Result: one row a fault. Locks: none.
WITH last_lines AS (
    SELECT DISTINCT ON (partition_id, tenant_id, loan_id) partition_id, tenant_id, loan_id,
           entry_seq, borrower_id, currency
    FROM journal_lines
    WHERE loan_id IS NOT NULL AND layer = 'SETTLED'
        AND account_code IN ('1100', '1200', '1300', '2100', '2000')
    ORDER BY partition_id, tenant_id, loan_id, entry_seq DESC, sequence DESC
)
SELECT l.partition_id, l.tenant_id, l.loan_id, j.entry_seq,
       format('borrower %%s and %%s, and its last line says %%s and %%s', l.borrower_id, l.currency,
              j.borrower_id, j.currency) AS told
FROM loans AS l
JOIN last_lines AS j USING (partition_id, tenant_id, loan_id)
WHERE l.borrower_id IS DISTINCT FROM j.borrower_id OR l.currency <> j.currency;
