-- Begin a run of the schedule. Parameters: none. Result: (run_id). Locks: the new row.
INSERT INTO reconciliation_runs (trigger, status, started_at)
VALUES ('schedule', 'running', clock_timestamp())
RETURNING run_id;
