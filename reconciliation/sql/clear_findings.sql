-- Findings whose subject was checked again and found well. Parameters: subjects.
-- Result: (subject) of those cleared. Locks: the rows.
UPDATE reconciliation_findings SET cleared_at = clock_timestamp()
WHERE subject = ANY (%(subjects)s::text[]) AND cleared_at IS NULL
RETURNING subject;
