-- Add a batch's totals to the day totals of each account.
-- Parameters: arrays, one element an account day, sorted by key. Result: none. Locks: the rows.
INSERT INTO account_days AS d (
    partition_id, tenant_id, account_code, currency, layer, booked_on, posted_on,
    debit_minor, credit_minor)
SELECT *
FROM unnest(
    %(partition_id)s::smallint[], %(tenant_id)s::uuid[], %(account_code)s::text[],
    %(currency)s::text[], %(layer)s::text[], %(booked_on)s::date[], %(posted_on)s::date[],
    %(debit_minor)s::numeric[], %(credit_minor)s::numeric[]
)
ON CONFLICT (partition_id, tenant_id, account_code, currency, layer, booked_on, posted_on)
DO UPDATE SET debit_minor = d.debit_minor + excluded.debit_minor,
              credit_minor = d.credit_minor + excluded.credit_minor;
