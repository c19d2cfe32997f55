-- Loans as everything posted has left them, for many requests at once.
-- Parameters: partition_ids, loan_ids (arrays), tenant_id. Result: one row a loan that exists.
-- Locks: none.
SELECT l.loan_id, l.borrower_id, l.currency, l.status, l.opened_on, l.principal_minor,
       l.interest_minor, l.fees_minor, l.suspense_minor, l.unsettled_minor, l.total_exposure_minor,
       l.accrued_through, l.quarantined, l.last_activity_at, l.life_began_seq, l.recovered_minor,
       l.collected_principal_minor, l.collected_interest_minor, l.collected_fees_minor
FROM unnest(%(partition_ids)s::smallint[], %(loan_ids)s::uuid[]) AS u (partition_id, loan_id)
CROSS JOIN LATERAL (
    SELECT * FROM readable_loans AS r
    WHERE r.partition_id = u.partition_id AND r.tenant_id = %(tenant_id)s AND r.loan_id = u.loan_id
    LIMIT 1
) AS l;
