-- Active loans of 1,000.00 that no command made: for benchmarks only.
-- Parameters: tenant_id. Result: none. Locks: the new rows.
INSERT INTO hpts.loans (
    partition_id, tenant_id, loan_id, borrower_id, currency, status, opened_on,
    principal_minor, interest_minor, fees_minor, suspense_minor, unsettled_minor,
    collected_principal_minor, collected_interest_minor, collected_fees_minor, recovered_minor,
    standing_openings, standing_payments, standing_charge_offs, standing_refinances,
    version, last_activity_at)
SELECT partition_id, %(tenant_id)s, loan_id, loan_id, 'USD', 'active', '2026-01-05',
    100000, 0, 0, 0, 0,
    0, 0, 0, 0,
    1, 0, 0, 0,
    1, now()
FROM new_loans
