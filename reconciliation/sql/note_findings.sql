-- Note findings; one that stands already is seen again. Parameters: run_id, and arrays in step.
-- Result: (subject) of the new ones. Locks: the rows.
INSERT INTO reconciliation_findings AS f (
    tenant_id, kind, subject, partition_id, entry_seq, journal_entry_id, loan_id, account_code,
    currency, layer, booked_on, expected, found, detail, found_by)
SELECT tenant_id, kind, subject, partition_id, entry_seq, journal_entry_id, loan_id, account_code,
       currency, layer, booked_on, expected, found, detail, %(run_id)s
FROM unnest(
    %(tenant_id)s::uuid[], %(kind)s::text[], %(subject)s::text[], %(partition_id)s::smallint[],
    %(entry_seq)s::bigint[], %(journal_entry_id)s::uuid[], %(loan_id)s::uuid[],
    %(account_code)s::text[], %(currency)s::text[], %(layer)s::text[], %(booked_on)s::date[],
    %(expected)s::text[], %(found)s::text[], %(detail)s::text[])
    AS u (tenant_id, kind, subject, partition_id, entry_seq, journal_entry_id, loan_id,
          account_code, currency, layer, booked_on, expected, found, detail)
ORDER BY subject
ON CONFLICT (subject) WHERE cleared_at IS NULL DO UPDATE
SET seen_at = clock_timestamp(), expected = excluded.expected, found = excluded.found,
    detail = excluded.detail
RETURNING subject, found_by = %(run_id)s AS is_new;
