-- Every time a command broke in the live books.
-- Parameters: none. Result: partition_id, decided_offset, command_offset, loan_id, reason.
-- Locks: none.
SELECT partition_id::integer, decided_offset, command_offset, loan_id, reason FROM hpts.quarantines;
