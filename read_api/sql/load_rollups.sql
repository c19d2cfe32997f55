-- Account 1100 against the sum of the loans, as the witness last saw them. Parameters: tenant_id.
-- Result: a row a currency, the one with the most principal first. Locks: none.
SELECT currency, gl_principal_minor, loans_principal_minor, checked_at
FROM readable_reconciliation_rollups
WHERE tenant_id = %(tenant_id)s
ORDER BY gl_principal_minor DESC, currency;
