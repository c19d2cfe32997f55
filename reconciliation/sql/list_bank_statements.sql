-- The days that statements of bank accounts cover. Parameters: none.
-- Result: (tenant_id, bank_account_ref, currency, from_date, to_date). Locks: none.
SELECT tenant_id, bank_account_ref, currency, from_date, to_date FROM bank_statements
ORDER BY tenant_id, bank_account_ref, from_date;
