-- Records that the search path's books hold to be no command, and why.
-- Parameters: none. Result: partition_id, command_offset, reason. Locks: none.
SELECT partition_id::integer, command_offset, reason FROM dead_letters;
