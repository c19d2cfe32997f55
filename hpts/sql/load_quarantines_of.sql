-- What broke while a range of offsets was applied.
-- Parameters: partition_id, first, before. Result: decided_offset, command_offset, loan_id and
-- reason, in order. Locks: none.
SELECT decided_offset, command_offset, loan_id, reason
FROM quarantines
WHERE partition_id = %(partition_id)s
    AND decided_offset >= %(first)s AND decided_offset < %(before)s
ORDER BY decided_offset, command_offset, loan_id;
