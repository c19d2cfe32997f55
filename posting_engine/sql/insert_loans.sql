-- Open loans.
-- Parameters: arrays, one element a loan, sorted by key. Result: none. Locks: none but the new rows.
INSERT INTO loans (
    partition_id, tenant_id, loan_id, borrower_id, currency, status, opened_on, principal_minor,
    interest_minor, fees_minor, suspense_minor, unsettled_minor, collected_principal_minor,
    collected_interest_minor, collected_fees_minor, recovered_minor, standing_openings,
    standing_payments, standing_charge_offs, standing_refinances, accrued_through,
    accrued_through_floor, life, life_began_seq, quarantined, reserved_by, version,
    last_activity_at)
SELECT *
FROM unnest(
    %(partition_id)s::smallint[], %(tenant_id)s::uuid[], %(loan_id)s::uuid[],
    %(borrower_id)s::uuid[], %(currency)s::text[], %(status)s::text[], %(opened_on)s::date[],
    %(principal_minor)s::bigint[], %(interest_minor)s::bigint[], %(fees_minor)s::bigint[],
    %(suspense_minor)s::bigint[], %(unsettled_minor)s::bigint[],
    %(collected_principal_minor)s::bigint[], %(collected_interest_minor)s::bigint[],
    %(collected_fees_minor)s::bigint[], %(recovered_minor)s::bigint[],
    %(standing_openings)s::integer[], %(standing_payments)s::integer[],
    %(standing_charge_offs)s::integer[], %(standing_refinances)s::integer[],
    %(accrued_through)s::date[], %(accrued_through_floor)s::date[], %(life)s::integer[],
    %(life_began_seq)s::bigint[], %(quarantined)s::boolean[], %(reserved_by)s::uuid[],
    %(version)s::bigint[], %(last_activity_at)s::timestamptz[]
);
