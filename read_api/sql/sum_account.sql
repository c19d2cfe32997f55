-- Both sides of an account over all partitions, from its day totals.
-- Parameters: partition_ids, tenant_id, account_code, currency, layer, as_of (by booking date),
-- posted_before (a date).
-- Result: one row, or none where there is no day. Locks: none.
SELECT account_code, currency, layer, sum(debit_minor) AS debit_minor,
       sum(credit_minor) AS credit_minor
FROM readable_account_days
WHERE partition_id = ANY(%(partition_ids)s) AND tenant_id = %(tenant_id)s
  AND account_code = %(account_code)s AND currency = %(currency)s AND layer = %(layer)s
  AND booked_on <= %(as_of)s AND posted_on < %(posted_before)s
GROUP BY account_code, currency, layer;
