-- Set loans to their state after the batch, each guarded by the version that was read.
-- Parameters: arrays, one element a loan, sorted by key. Result: the loans that matched; a missing
-- one means that somebody else has written it. Locks: the loans' rows.
UPDATE loans AS l
SET
    borrower_id = u.borrower_id,
    currency = u.currency,
    status = u.status,
    opened_on = u.opened_on,
    principal_minor = u.principal_minor,
    interest_minor = u.interest_minor,
    fees_minor = u.fees_minor,
    suspense_minor = u.suspense_minor,
    unsettled_minor = u.unsettled_minor,
    collected_principal_minor = u.collected_principal_minor,
    collected_interest_minor = u.collected_interest_minor,
    collected_fees_minor = u.collected_fees_minor,
    recovered_minor = u.recovered_minor,
    paid_off_principal_minor = u.paid_off_principal_minor,
    paid_off_interest_minor = u.paid_off_interest_minor,
    paid_off_fees_minor = u.paid_off_fees_minor,
    standing_openings = u.standing_openings,
    standing_payments = u.standing_payments,
    standing_charge_offs = u.standing_charge_offs,
    standing_refinances = u.standing_refinances,
    accrued_through = u.accrued_through,
    accrued_through_floor = u.accrued_through_floor,
    life = u.life,
    life_began_seq = u.life_began_seq,
    quarantined = u.quarantined,
    reserved_by = u.reserved_by,
    version = u.version,
    last_activity_at = u.last_activity_at
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
    %(version)b::bigint[], %(last_activity_at)b::timestamptz[], %(read_version)b::bigint[]
) AS u (
    partition_id, tenant_id, loan_id, borrower_id, currency, status, opened_on, principal_minor,
    interest_minor, fees_minor, suspense_minor, unsettled_minor, collected_principal_minor,
    collected_interest_minor, collected_fees_minor, recovered_minor,
    paid_off_principal_minor, paid_off_interest_minor, paid_off_fees_minor, standing_openings,
    standing_payments, standing_charge_offs, standing_refinances, accrued_through,
    accrued_through_floor, life, life_began_seq, quarantined, reserved_by, version,
    last_activity_at, read_version)
WHERE l.partition_id = u.partition_id AND l.tenant_id = u.tenant_id AND l.loan_id = u.loan_id
    AND l.version = u.read_version
RETURNING 1;
