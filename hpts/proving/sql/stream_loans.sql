-- The sub-balances of a partition's loans.
-- Parameters: partition_id. Result: one row a loan. Locks: none.
SELECT tenant_id::text, loan_id::text, principal_minor, interest_minor, fees_minor, suspense_minor,
       unsettled_minor
FROM loans
WHERE partition_id = %(partition_id)s
ORDER BY tenant_id, loan_id;
