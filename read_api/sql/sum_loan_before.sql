-- What the accounts that are kept for a loan held before a day, in the loan's present life.
-- Parameters: partition_id, tenant_id, loan_id, life_began_seq, before.
-- Result: a row an account. Locks: none.
SELECT account_code,
       sum(CASE direction WHEN 'DR' THEN amount_minor ELSE -amount_minor END) AS debit_minor
FROM readable_lines
WHERE partition_id = %(partition_id)s AND tenant_id = %(tenant_id)s AND loan_id = %(loan_id)s
  AND entry_seq >= %(life_began_seq)s AND effective_on < %(before)s AND layer = 'SETTLED'
GROUP BY account_code;
