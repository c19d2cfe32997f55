-- Append journal lines.
-- Parameters: arrays, one element a line. Result: none. Locks: none but the new rows.
INSERT INTO journal_lines (
    partition_id, entry_seq, sequence, tenant_id, account_code, direction, amount_minor, currency,
    layer, loan_id, borrower_id, external_ref, effective_on)
SELECT *
FROM unnest(
    %(partition_id)s::smallint[], %(entry_seq)s::bigint[], %(sequence)s::integer[],
    %(tenant_id)s::uuid[], %(account_code)s::text[], %(direction)s::text[],
    %(amount_minor)s::bigint[], %(currency)s::text[], %(layer)s::text[], %(loan_id)s::uuid[],
    %(borrower_id)s::uuid[], %(external_ref)s::text[], %(effective_on)s::date[]
);
