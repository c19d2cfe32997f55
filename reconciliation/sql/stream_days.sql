-- The day totals of a partition's accounts. Parameters: partition_id.
-- Result: the day's key and its debit and credit totals. Locks: none.
SELECT tenant_id, account_code, currency, layer, booked_on, posted_on, debit_minor, credit_minor
FROM account_days
WHERE partition_id = %(partition_id)s;
