-- The day totals of both accounts in each partition.
-- Parameters: accrued_on. Result: none. Locks: none.
INSERT INTO bench_limit.account_days (
    partition_id, tenant_id, account_code, currency, layer, booked_on, posted_on, debit_minor,
    credit_minor)
SELECT partition_id, tenant_id, account_code, currency, layer, effective_on, current_date,
    coalesce(sum(amount_minor) FILTER (WHERE direction = 'DR'), 0),
    coalesce(sum(amount_minor) FILTER (WHERE direction = 'CR'), 0)
FROM bench_limit.journal_lines WHERE effective_on = %(accrued_on)s
GROUP BY 1, 2, 3, 4, 5, 6, 7
