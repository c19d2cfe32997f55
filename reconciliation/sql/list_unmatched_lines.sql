-- A tenant's lines of bank statements that are no entry yet. Parameters: tenant_id.
-- Result: lines in order of date. Locks: none.
SELECT bank_statement_id, sequence, bank_account_ref, currency, booked_on, direction, amount_minor,
       reference
FROM bank_statement_lines
WHERE tenant_id = %(tenant_id)s AND matched_partition IS NULL
ORDER BY booked_on, bank_statement_id, sequence;
