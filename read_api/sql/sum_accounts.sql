-- Both sides of every account over all partitions, from the day totals.
-- Parameters: partition_ids, tenant_id, currency and layer (NULL: all), as_of (by booking date),
-- posted_before (a date).
-- Result: a row an account, currency and layer. Locks: none.
SELECT account_code, currency, layer, sum(debit_minor) AS debit_minor,
       sum(credit_minor) AS credit_minor
FROM readable_account_days
WHERE partition_id = ANY(%(partition_ids)s) AND tenant_id = %(tenant_id)s
  AND (%(currency)s::text IS NULL OR currency = %(currency)s)
  AND (%(layer)s::text IS NULL OR layer = %(layer)s)
  AND booked_on <= %(as_of)s AND posted_on < %(posted_before)s
GROUP BY account_code, currency, layer;
