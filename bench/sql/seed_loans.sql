-- Active loans without a history, for a benchmark.
-- Parameters: tenant_id; arrays, one element a loan. Result: none. Locks: none but the new rows.
INSERT INTO loans (
    partition_id, tenant_id, loan_id, borrower_id, currency, status, opened_on, principal_minor,
    interest_minor, fees_minor, suspense_minor, unsettled_minor, collected_principal_minor,
    collected_interest_minor, collected_fees_minor, recovered_minor, standing_openings,
    standing_payments, standing_charge_offs, standing_refinances, version, last_activity_at)
SELECT u.partition_id, %(tenant_id)b, u.loan_id, u.borrower_id, 'USD', 'active', '2026-01-01',
       1000000, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, '2026-01-01'
FROM unnest(%(partition_ids)b::smallint[], %(loan_ids)b::uuid[], %(borrower_ids)b::uuid[])
    AS u (partition_id, loan_id, borrower_id);
