-- Where new loans are copied to first.
-- Parameters: none. Result: none. Locks: none; the table is this session's own.
CREATE TEMPORARY TABLE new_loans (partition_id smallint, loan_id uuid) ON COMMIT DROP
