-- What the journal says has accrued for a day.
-- Parameters: tenant_id, accrued_on. Result: one row (loans, interest). Locks: none.
SELECT count(*), coalesce(sum(amount_minor), 0)::bigint
FROM hpts.journal_lines
WHERE tenant_id = %(tenant_id)s AND effective_on = %(accrued_on)s AND account_code = '1200'
    AND direction = 'DR'
