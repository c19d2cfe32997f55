-- Append journal lines.
-- Parameters: arrays, one element a line. Result: none. Locks: none but the new rows.
INSERT INTO journal_lines (
    partition_id, entry_seq, sequence, tenant_id, account_code, direction, amount_minor, currency,
    layer, loan_id, borrower_id, external_ref, effective_on)
SELECT *
FROM unnest(
    %(partition_id)b::smallint[], %(entry_seq)b::bigint[], %(sequence)b::integer[],
    %(tenant_id)b::uuid[], %(account_code)b::text[], %(direction)b::text[],
    %(amount_minor)b::bigint[], %(currency)b::text[], %(layer)b::text[], %(loan_id)b::uuid[],
    %(borrower_id)b::uuid[], %(external_ref)b::text[], %(effective_on)b::date[]
);
