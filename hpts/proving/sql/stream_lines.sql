-- A partition's lines in the order of its entries.
-- Parameters: partition_id. Result: one row a line: its place, what no hash covers, and then the
-- members of its canonical bytes. Locks: none.
SELECT entry_seq, sequence, tenant_id::text, effective_on::text, account_code, direction,
       amount_minor, currency, layer, loan_id::text, borrower_id::text, external_ref
FROM journal_lines
WHERE partition_id = %(partition_id)s
ORDER BY entry_seq, sequence;
