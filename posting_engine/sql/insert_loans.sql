-- Open loans.
-- Parameters: arrays, one element a loan, sorted by key. Result: none. Locks: none but the new rows.
INSERT INTO loans (
    partition_id, tenant_id, loan_id, borrower_id, currency, status, opened_on, principal_minor,
    interest_minor, fees_minor, suspense_minor, unsettled_minor, collected_principal_minor,
    collected_interest_minor, collected_fees_minor, recovered_minor, paid_off_principal_minor,
    paid_off_interest_minor, paid_off_fees_minor, standing_openings,
    standing_payments, standing_charge_offs, standing_refinances, accrued_through,
    accrued_through_floor, life, life_began_seq, quarantined, reserved_by, version,
    last_activity_at)
SELECT *
FROM unnest(
    %(partition_id)b::smallint[], %(tenant_id)b::uuid[], %(loan_id)b::uuid[],
    %(borrower_id)b::uuid[], %(currency)b::text[], %(status)b::text[], %(opened_on)b::date[],
    %(principal_minor)b::bigint[], %(interest_minor)b::bigint[], %(fees_minor)b::bigint[],
    %(suspense_minor)b::bigint[], %(unsettled_minor)b::bigint[],
    %(collected_principal_minor)b::bigint[], %(collected_interest_minor)b::bigint[],
    %(collected_fees_minor)b::bigint[], %(recovered_minor)b::bigint[],
    %(paid_off_principal_minor)b::bigint[], %(paid_off_interest_minor)b::bigint[],
    %(paid_off_fees_minor)b::bigint[],
    %(standing_openings)b::integer[], %(standing_payments)b::integer[],
    %(standing_charge_offs)b::integer[], %(standing_refinances)b::integer[],
    %(accrued_through)b::date[], %(accrued_through_floor)b::date[], %(life)b::integer[],
    %(life_began_seq)b::bigint[], %(quarantined)b::boolean[], %(reserved_by)b::uuid[],
    %(version)b::bigint[], %(last_activity_at)b::timestamptz[]
);
