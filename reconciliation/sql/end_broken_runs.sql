-- What a process that was killed left behind is begun anew if somebody asked for it, else forgotten.
-- Parameters: none. Result: none. Locks: the rows.
UPDATE reconciliation_runs
SET status = CASE trigger WHEN 'request' THEN 'asked' ELSE 'incomplete' END,
    finished_at = CASE trigger WHEN 'request' THEN NULL ELSE clock_timestamp() END,
    incomplete_because = CASE trigger WHEN 'request' THEN NULL ELSE 'the witness was ended' END
WHERE status = 'running';
