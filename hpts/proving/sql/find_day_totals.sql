-- Day totals that are not the sum of their lines, or are there without any.
-- Parameters: none. Result: one row a fault. Locks: none.
WITH sums AS (
    SELECT j.partition_id, j.tenant_id, j.account_code, j.currency, j.layer, e.booked_on,
           (e.posted_at AT TIME ZONE 'UTC')::date AS posted_on,
           coalesce(sum(j.amount_minor) FILTER (WHERE j.direction = 'DR'), 0) AS debit_minor,
           coalesce(sum(j.amount_minor) FILTER (WHERE j.direction = 'CR'), 0) AS credit_minor
    FROM journal_lines AS j
    JOIN journal_entries AS e USING (partition_id, entry_seq)
    GROUP BY 1, 2, 3, 4, 5, 6, 7
)
SELECT partition_id, tenant_id, account_code, currency, layer, booked_on AS day,
       format('posted on %%s: %%s debit, %%s credit, and its lines are %%s and %%s', posted_on,
              d.debit_minor, d.credit_minor, s.debit_minor, s.credit_minor) AS told
FROM account_days AS d
FULL JOIN sums AS s
    USING (partition_id, tenant_id, account_code, currency, layer, booked_on, posted_on)
WHERE d.debit_minor IS DISTINCT FROM s.debit_minor OR d.credit_minor IS DISTINCT FROM s.credit_minor;
