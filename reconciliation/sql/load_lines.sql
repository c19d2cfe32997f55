-- An entry's lines as they stand in the books. Parameters: partition_id, entry_seq.
-- Result: lines in order of sequence. Locks: none.
SELECT sequence, account_code, direction, amount_minor, currency, layer, loan_id, borrower_id,
       external_ref, effective_on
FROM journal_lines
WHERE partition_id = %(partition_id)s AND entry_seq = %(entry_seq)s
ORDER BY sequence;
