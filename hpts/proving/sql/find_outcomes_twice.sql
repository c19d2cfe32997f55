-- Records that brought more than one outcome or entry.
-- Parameters: none. Result: one row a fault. Locks: none.
SELECT partition_id, NULL::bigint AS entry_seq,
       format('offset %%s has %%s outcomes', command_offset, count(*)) AS told
FROM command_outcomes
GROUP BY partition_id, command_offset
HAVING count(*) > 1
UNION ALL
SELECT partition_id, max(entry_seq), format('offset %%s has %%s entries', command_offset, count(*))
FROM journal_entries
GROUP BY partition_id, command_offset
HAVING count(*) > 1;
