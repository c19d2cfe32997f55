-- What became of a run. Parameters: run_id.
-- Result: (status, incomplete_because, finding_count, checked, whether it has ended). Locks: none.
SELECT status, incomplete_because, finding_count, checked, finished_at IS NOT NULL
FROM hpts_edge.reconciliation_runs
WHERE run_id = %(run_id)s;
