-- The loans that a batch names.
-- Parameters: partition_ids, tenant_ids, loan_ids. Result: one row a loan that exists. Locks: none.
SELECT l.partition_id, l.tenant_id, l.loan_id, l.borrower_id, l.currency, l.opened_on, l.last_activity_at,
       l.principal_minor, l.interest_minor, l.fees_minor, l.suspense_minor, l.unsettled_minor,
       l.collected_principal_minor, l.collected_interest_minor, l.collected_fees_minor,
       l.recovered_minor, l.paid_off_principal_minor, l.paid_off_interest_minor,
       l.paid_off_fees_minor, l.standing_openings, l.standing_payments, l.standing_charge_offs,
       l.standing_refinances, l.accrued_through, l.accrued_through_floor, l.life,
       l.life_began_seq, l.quarantined, l.reserved_by, l.version
FROM unnest(%(partition_ids)b::smallint[], %(tenant_ids)b::uuid[], %(loan_ids)b::uuid[])
    AS u (partition_id, tenant_id, loan_id)
CROSS JOIN LATERAL (
    SELECT * FROM loans AS x
    WHERE x.partition_id = u.partition_id AND x.tenant_id = u.tenant_id AND x.loan_id = u.loan_id
    LIMIT 1
) AS l;
