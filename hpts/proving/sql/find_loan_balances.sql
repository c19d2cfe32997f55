-- Loans whose sub-balances are not the sum of their lines (docs/verification.md), and lines whose
-- loan is missing.
-- Parameters: none. Result: one row a fault. Locks: none.
WITH sums AS (
    SELECT partition_id, tenant_id, loan_id,
           coalesce(sum(debit_minor) FILTER (WHERE account_code = '1100'), 0) AS principal_minor,
           coalesce(sum(debit_minor) FILTER (WHERE account_code = '1200'), 0) AS interest_minor,
           coalesce(sum(debit_minor) FILTER (WHERE account_code = '1300'), 0) AS fees_minor,
           coalesce(-sum(debit_minor) FILTER (WHERE account_code = '2100'), 0) AS suspense_minor,
           coalesce(-sum(debit_minor) FILTER (WHERE account_code = '2000'), 0) AS unsettled_minor
    FROM (
        SELECT *, CASE direction WHEN 'DR' THEN amount_minor ELSE -amount_minor END AS debit_minor
        FROM journal_lines
        WHERE loan_id IS NOT NULL AND layer = 'SETTLED'
    ) AS j
    GROUP BY 1, 2, 3
)
SELECT partition_id, tenant_id, loan_id,
       format('principal, interest, fees, suspense, unsettled are %%s, and its lines give %%s',
              CASE WHEN l.version IS NULL THEN 'missing' ELSE concat_ws(' ', l.principal_minor,
                  l.interest_minor, l.fees_minor, l.suspense_minor, l.unsettled_minor) END,
              concat_ws(' ', coalesce(s.principal_minor, 0), coalesce(s.interest_minor, 0),
                  coalesce(s.fees_minor, 0), coalesce(s.suspense_minor, 0),
                  coalesce(s.unsettled_minor, 0))) AS told
FROM loans AS l
FULL JOIN sums AS s USING (partition_id, tenant_id, loan_id)
WHERE l.version IS NULL
   OR (l.principal_minor, l.interest_minor, l.fees_minor, l.suspense_minor, l.unsettled_minor)
       IS DISTINCT FROM (coalesce(s.principal_minor, 0), coalesce(s.interest_minor, 0),
           coalesce(s.fees_minor, 0), coalesce(s.suspense_minor, 0), coalesce(s.unsettled_minor, 0));
