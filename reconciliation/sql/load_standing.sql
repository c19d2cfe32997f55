-- The findings that stand. Parameters: none.
-- Result: subject, kind, partition_id, entry_seq. Locks: none.
SELECT subject, kind, partition_id, entry_seq FROM reconciliation_findings
WHERE cleared_at IS NULL
ORDER BY subject;
