-- What the tenant's bank accounts moved by more than the books say. Parameters: tenant_id.
-- Result: a row a bank account and currency. Locks: none.
SELECT bank_account_ref, currency, difference_minor, unmatched_line_count, unmatched_entry_count,
       checked_at
FROM readable_bank_differences
WHERE tenant_id = %(tenant_id)s
ORDER BY bank_account_ref, currency;
