-- Begin the run that was asked for first. Parameters: none. Result: (run_id), or no row.
-- Locks: the row.
UPDATE reconciliation_runs SET status = 'running', started_at = clock_timestamp()
WHERE run_id = (
    SELECT run_id FROM reconciliation_runs WHERE status = 'asked'
    ORDER BY run_id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING run_id;
