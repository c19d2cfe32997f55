-- One page of the runs that have ended. What a run found, and what stood when it ended, is the
-- tenant's own. Parameters: tenant_id, from_run_id, is_descending, most.
-- Result: a row a run. Locks: none.
SELECT r.run_id, r.trigger, r.started_at, r.finished_at, r.incomplete_because,
       (SELECT count(*) FROM readable_reconciliation_findings AS f
        WHERE f.tenant_id = %(tenant_id)s AND f.found_by <= r.run_id
          AND (f.cleared_at IS NULL OR f.cleared_at > r.finished_at)) AS finding_count
FROM readable_reconciliation_runs AS r
WHERE r.finished_at IS NOT NULL
  AND CASE WHEN %(is_descending)s THEN r.run_id <= %(from_run_id)s
           ELSE r.run_id >= %(from_run_id)s END
ORDER BY CASE WHEN %(is_descending)s THEN -r.run_id ELSE r.run_id END
LIMIT %(most)s;
