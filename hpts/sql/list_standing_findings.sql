-- The findings that stand, of all tenants. Parameters: most.
-- Result: (found_at, tenant_id, kind, detail) in the order in which they were found. Locks: none.
SELECT found_at, tenant_id, kind, detail
FROM hpts_edge.reconciliation_findings
WHERE cleared_at IS NULL
ORDER BY finding_id
LIMIT %(most)s;
