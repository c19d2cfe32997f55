-- An entry's link of the chain. Parameters: partition_id, entry_seq.
-- Result: (entry_hash) of one row, or none where the journal does not go so far. Locks: none.
SELECT entry_hash FROM journal_entries
WHERE partition_id = %(partition_id)s::smallint AND entry_seq = %(entry_seq)s;
