-- What the witness has found of the tenant and still stands. Parameters: tenant_id, most.
-- Result: findings in the order in which they were found. Locks: none.
SELECT * FROM readable_reconciliation_findings
WHERE tenant_id = %(tenant_id)s AND cleared_at IS NULL
ORDER BY finding_id
LIMIT %(most)s;
