-- What of a range of offsets was no command, or nothing at all.
-- Parameters: partition_id, first, before. Result: command_offset and reason, in order.
-- Locks: none.
SELECT command_offset, reason
FROM dead_letters
WHERE partition_id = %(partition_id)s
    AND command_offset >= %(first)s AND command_offset < %(before)s
ORDER BY command_offset;
