-- A loan as everything posted has left it.
-- Parameters: partition_id, tenant_id, loan_id. Result: one row or none. Locks: none.
SELECT loan_id, borrower_id, currency, status, opened_on, principal_minor, interest_minor,
       fees_minor, suspense_minor, unsettled_minor, total_exposure_minor, accrued_through,
       quarantined, last_activity_at, life_began_seq, recovered_minor, collected_principal_minor,
       collected_interest_minor, collected_fees_minor
FROM readable_loans
WHERE partition_id = %(partition_id)s AND tenant_id = %(tenant_id)s AND loan_id = %(loan_id)s;
