-- Note a tenant's entries that no bank has told of. Parameters: tenant_id; partition_ids,
-- entry_seqs, sequences, journal_entry_ids, effective_ons, directions, amounts_minor, currencies,
-- external_refs (in step). Result: none. Locks: the new rows.
INSERT INTO bank_unmatched_entries (
    tenant_id, partition_id, entry_seq, sequence, journal_entry_id, effective_on, direction,
    amount_minor, currency, external_ref)
SELECT %(tenant_id)s, u.*
FROM unnest(%(partition_ids)s::smallint[], %(entry_seqs)s::bigint[], %(sequences)s::integer[],
            %(journal_entry_ids)s::uuid[], %(effective_ons)s::date[], %(directions)s::text[],
            %(amounts_minor)s::bigint[], %(currencies)s::text[], %(external_refs)s::text[]) AS u;
