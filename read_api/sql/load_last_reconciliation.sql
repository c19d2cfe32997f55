-- When the books were last compared with the events, all of them. Belongs to no tenant.
-- Parameters: none. Result: (finished_at, age_s) of one run, or no row. Locks: none.
SELECT finished_at, extract(epoch FROM clock_timestamp() - finished_at)::double precision AS age_s
FROM readable_reconciliation_runs
WHERE finished_at IS NOT NULL AND incomplete_because IS NULL
ORDER BY finished_at DESC, run_id DESC
LIMIT 1;
