-- Forget scheduled runs that found nothing, once they are a day old. Parameters: none.
-- Result: none. Locks: the rows.
DELETE FROM reconciliation_runs
WHERE trigger = 'schedule' AND status IN ('ok', 'incomplete')
  AND finished_at < clock_timestamp() - interval '1 day';
