-- How the last run of the witness ended, and how long ago the last complete one did. Belongs to no
-- tenant. Parameters: none. Result: (status, incomplete_because, age_s) of one run, or no row.
-- Locks: none.
SELECT status, incomplete_because,
       (SELECT coalesce(extract(epoch FROM clock_timestamp() - max(finished_at)), 'Infinity')
               ::double precision
        FROM readable_reconciliation_runs
        WHERE finished_at IS NOT NULL AND incomplete_because IS NULL) AS age_s
FROM readable_reconciliation_runs
WHERE finished_at IS NOT NULL
ORDER BY finished_at DESC, run_id DESC
LIMIT 1;
