-- Of how many accounts, of the ledger or of loans, a finding stands. Parameters: tenant_id.
-- Result: (account_count, finding_count). Locks: none.
SELECT count(DISTINCT (account_code, currency, layer, loan_id)) AS account_count,
       count(*) AS finding_count
FROM readable_reconciliation_findings
WHERE tenant_id = %(tenant_id)s AND cleared_at IS NULL;
