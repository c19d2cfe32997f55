-- One page of what a bank and the books do not agree on: lines of statements without an entry, then
-- lines of account 1000 without a statement's.
-- Parameters: tenant_id, from_rank, from_id, from_partition, from_seq, from_sequence, most.
-- Result: a row an item, in that order. Locks: none.
SELECT *
FROM (
    SELECT 0 AS rank, bank_statement_id AS id, 0 AS partition, 0::bigint AS seq, sequence,
           'bank' AS source, bank_account_ref, booked_on AS moved_on, direction, amount_minor,
           currency, reference, description, NULL::uuid AS journal_entry_id
    FROM readable_bank_statement_lines
    WHERE tenant_id = %(tenant_id)s AND matched_at IS NULL
    UNION ALL
    SELECT 1, journal_entry_id, partition_id, entry_seq, sequence, 'ledger', NULL, effective_on,
           direction, amount_minor, currency, external_ref, NULL, journal_entry_id
    FROM readable_bank_unmatched_entries
    WHERE tenant_id = %(tenant_id)s
) AS items
WHERE (rank, id, partition, seq, sequence)
      >= (%(from_rank)s, %(from_id)s::uuid, %(from_partition)s, %(from_seq)s, %(from_sequence)s)
ORDER BY rank, id, partition, seq, sequence
LIMIT %(most)s;
