-- Forget scheduled runs that were the first to find nothing, once they are a day old.
-- Parameters: none. Result: none. Locks: the rows.
DELETE FROM reconciliation_runs AS r
WHERE trigger = 'schedule' AND finished_at < clock_timestamp() - interval '1 day'
  AND NOT EXISTS (SELECT FROM reconciliation_findings AS f WHERE f.found_by = r.run_id);
