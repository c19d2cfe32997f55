-- The hashes of a range of entries, one after another: 32 bytes each, of 1 GB that a value may have.
-- Parameters: partition_id, from_seq, through_seq (both included). Result: one row, NULL for none. Locks: none.
SELECT string_agg(entry_hash, ''::bytea ORDER BY entry_seq) AS hashes
FROM journal_entries
WHERE partition_id = %(partition_id)b AND entry_seq >= %(from_seq)b AND entry_seq <= %(through_seq)b;
