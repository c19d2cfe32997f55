-- Every loan accrues.
-- Parameters: accrued_on. Result: none. Locks: the loans.
UPDATE bench_limit.loans AS l
SET interest_minor = l.interest_minor + i.interest_minor, accrued_through = %(accrued_on)s,
    version = l.version + 1, last_activity_at = now()
FROM bench_limit.items AS i
WHERE l.partition_id = i.partition_id AND l.tenant_id = i.tenant_id AND l.loan_id = i.loan_id
    AND l.status = 'active' AND l.currency = 'USD' AND NOT l.quarantined
    AND l.opened_on <= %(accrued_on)s
    AND (l.accrued_through IS NULL OR l.accrued_through < %(accrued_on)s)
