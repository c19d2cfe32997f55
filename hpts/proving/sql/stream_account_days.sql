-- A partition's day totals; the totals as text, since they may pass 64 bits.
-- Parameters: partition_id. Result: one row an account day. Locks: none.
SELECT tenant_id::text, account_code, currency, layer, booked_on::text, posted_on::text,
       debit_minor::text, credit_minor::text
FROM account_days
WHERE partition_id = %(partition_id)s
ORDER BY tenant_id, account_code, currency, layer, booked_on, posted_on;
