-- How many findings of each kind stand. Parameters: none. Result: (kind, standing_count).
-- Locks: none.
SELECT kind, count(*) AS standing_count
FROM reconciliation_findings
WHERE cleared_at IS NULL
GROUP BY kind
ORDER BY kind;
