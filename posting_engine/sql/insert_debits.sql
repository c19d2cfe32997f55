-- Append the debits of a chunk of accruals: alike but for loan, borrower and amount.
-- Parameters: what all have in common, and arrays, one element a line, in the order of their
-- sequences, which count from 1. Result: none. Locks: none but the new rows.
INSERT INTO journal_lines (
    partition_id, entry_seq, sequence, tenant_id, account_code, direction, amount_minor, currency,
    layer, loan_id, borrower_id, external_ref, effective_on)
SELECT %(partition_id)b::smallint, %(entry_seq)b::bigint, u.sequence, %(tenant_id)b::uuid,
       %(account_code)b::text, %(direction)b::text, u.amount_minor, %(currency)b::text,
       %(layer)b::text, u.loan_id, u.borrower_id, NULL, %(effective_on)b::date
FROM unnest(%(loan_id)b::uuid[], %(borrower_id)b::uuid[], %(amount_minor)b::bigint[])
    WITH ORDINALITY AS u (loan_id, borrower_id, amount_minor, sequence);
