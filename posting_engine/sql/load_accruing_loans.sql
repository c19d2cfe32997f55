-- The loans of a chunk, packed: `record_send` of each, one behind the other, none of it null and
-- every column of one width (`accrual_rows.LOAN`), with the place of its id in the parameter and
-- where its row lies until it is written again.
-- Parameters: partition_id, tenant_id, loan_ids. Result: one row, packed NULL where no loan is there.
-- Locks: none.
SELECT string_agg(record_send(ROW(
    u.place, l.ctid, l.borrower_id, l.currency, l.opened_on, l.last_activity_at,
    l.principal_minor, l.interest_minor, l.fees_minor, l.suspense_minor, l.unsettled_minor,
    l.collected_principal_minor, l.collected_interest_minor, l.collected_fees_minor,
    l.recovered_minor, l.paid_off_principal_minor, l.paid_off_interest_minor, l.paid_off_fees_minor,
    l.standing_openings, l.standing_payments, l.standing_charge_offs, l.standing_refinances,
    coalesce(l.accrued_through, '-infinity'), l.life, l.life_began_seq, l.version
)), '') AS packed
FROM unnest(%(loan_ids)b::uuid[]) WITH ORDINALITY AS u (loan_id, place)
CROSS JOIN LATERAL (
    SELECT x.ctid, x.* FROM loans AS x
    WHERE x.partition_id = %(partition_id)b::smallint AND x.tenant_id = %(tenant_id)b::uuid
        AND x.loan_id = u.loan_id
    LIMIT 1
) AS l;
