-- End a run. Parameters: run_id, incomplete_because (NULL: it is complete), positions, checked.
-- Result: (status, finding_count). Locks: the row.
UPDATE reconciliation_runs AS r
SET finished_at = clock_timestamp(), positions = %(positions)s::json, checked = %(checked)s::json,
    incomplete_because = %(incomplete_because)s, finding_count = f.standing,
    status = CASE WHEN f.standing > 0 THEN 'mismatch'
                  WHEN %(incomplete_because)s::text IS NOT NULL THEN 'incomplete' ELSE 'ok' END
FROM (SELECT count(*)::integer AS standing FROM reconciliation_findings
      WHERE cleared_at IS NULL) AS f
WHERE r.run_id = %(run_id)s
RETURNING r.status, r.finding_count;
