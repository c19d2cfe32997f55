-- The entry of this id, or all parts of it.
-- Parameters: journal_entry_id. Result: one row a part. Locks: none.
SELECT partition_id, entry_seq, part
FROM journal_entries
WHERE journal_entry_id = %(journal_entry_id)s
ORDER BY partition_id, entry_seq;
