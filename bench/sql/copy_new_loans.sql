-- Parameters: none; rows of (partition_id, loan_id) as text follow. Result: none.
-- Locks: none; the table is this session's own.
COPY new_loans FROM STDIN
