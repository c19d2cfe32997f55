-- The sub-balances of a partition's loans. Parameters: partition_id.
-- Result: tenant_id, loan_id and the five sub-balances. Locks: none.
SELECT tenant_id, loan_id, principal_minor, interest_minor, fees_minor, suspense_minor,
       unsettled_minor
FROM loans
WHERE partition_id = %(partition_id)s;
