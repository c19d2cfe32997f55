-- Note which lines of statements are which entries. Parameters: tenant_id; bank_statement_ids,
-- sequences, partition_ids, entry_seqs, entry_sequences, journal_entry_ids, matched_bys (in step).
-- Result: none. Locks: the rows.
UPDATE bank_statement_lines AS b
SET matched_by = m.matched_by, matched_partition = m.partition_id,
    matched_entry_seq = m.entry_seq, matched_sequence = m.entry_sequence,
    matched_entry_id = m.journal_entry_id, matched_at = clock_timestamp()
FROM unnest(%(bank_statement_ids)s::uuid[], %(sequences)s::integer[],
            %(partition_ids)s::smallint[], %(entry_seqs)s::bigint[],
            %(entry_sequences)s::integer[], %(journal_entry_ids)s::uuid[],
            %(matched_bys)s::text[])
    AS m (bank_statement_id, sequence, partition_id, entry_seq, entry_sequence, journal_entry_id,
          matched_by)
WHERE b.tenant_id = %(tenant_id)s AND b.bank_statement_id = m.bank_statement_id
  AND b.sequence = m.sequence AND b.matched_partition IS NULL;
