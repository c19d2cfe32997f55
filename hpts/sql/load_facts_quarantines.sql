-- Every time a command broke, as the search path's books have it.
-- Parameters: none. Result: partition_id, decided_offset, command_offset, loan_id, reason.
-- Locks: none.
SELECT partition_id::integer, decided_offset, command_offset, loan_id, reason FROM quarantines;
