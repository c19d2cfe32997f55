-- Ask the witness for a run with every check, now. Parameters: none. Result: (run_id).
-- Locks: the new row.
INSERT INTO hpts_edge.reconciliation_runs (trigger, status) VALUES ('request', 'asked')
RETURNING run_id;
