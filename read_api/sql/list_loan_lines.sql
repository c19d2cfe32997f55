-- The lines of some entries that concern one loan.
-- Parameters: partition_id, tenant_id, loan_id, entry_seqs. Result: in order. Locks: none.
SELECT entry_seq, sequence, account_code, direction, amount_minor, currency, layer, loan_id,
       borrower_id, external_ref
FROM readable_lines
WHERE partition_id = %(partition_id)s AND tenant_id = %(tenant_id)s
  AND loan_id = %(loan_id)s AND entry_seq = ANY(%(entry_seqs)s)
ORDER BY entry_seq, sequence;
