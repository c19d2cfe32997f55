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
    %(version)s::bigint[], %(last_activity_at)s::timestamptz[], %(read_version)s::bigint[]
) AS u (
    partition_id, tenant_id, loan_id, borrower_id, currency, status, opened_on, principal_minor,
    interest_minor, fees_minor, suspense_minor, unsettled_minor, collected_principal_minor,
    collected_interest_minor, collected_fees_minor, recovered_minor, standing_openings,
    standing_payments, standing_charge_offs, standing_refinances, accrued_through,
    accrued_through_floor, life, life_began_seq, quarantined, reserved_by, version,
    last_activity_at, read_version)
WHERE l.partition_id = u.partition_id AND l.tenant_id = u.tenant_id AND l.loan_id = u.loan_id
    AND l.version = u.read_version
RETURNING 1;
