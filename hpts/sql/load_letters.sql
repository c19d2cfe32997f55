-- What the live books set aside as no command.
-- Parameters: none. Result: partition_id, command_offset, reason. Locks: none.
SELECT partition_id::integer, command_offset, reason FROM hpts.dead_letters;
