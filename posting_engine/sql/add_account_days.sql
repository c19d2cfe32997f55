-- Add a batch's totals to the day totals of each account.
-- Parameters: arrays, one element an account day, sorted by key. Result: none. Locks: the rows.
INSERT INTO account_days AS d (
    partition_id, tenant_id, account_code, currency, layer, booked_on, posted_on,
    debit_minor, credit_minor)
SELECT *
FROM unnest(
    %(partition_id)b::smallint[], %(tenant_id)b::uuid[], %(account_code)b::text[],
    %(currency)b::text[], %(layer)b::text[], %(booked_on)b::date[], %(posted_on)b::date[],
    %(debit_minor)b::numeric[], %(credit_minor)b::numeric[]
)
ON CONFLICT (partition_id, tenant_id, account_code, currency, layer, booked_on, posted_on)
DO UPDATE SET debit_minor = d.debit_minor + excluded.debit_minor,
              credit_minor = d.credit_minor + excluded.credit_minor;
