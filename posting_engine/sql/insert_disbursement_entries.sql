-- Record which disbursement an entry of another event is about.
-- Parameters: arrays, one element an entry. Result: none. Locks: none but the new rows.
INSERT INTO disbursement_entries (partition_id, journal_entry_id, tenant_id, event_id)
SELECT *
FROM unnest(
    %(partition_id)b::smallint[], %(journal_entry_id)b::uuid[], %(tenant_id)b::uuid[],
    %(event_id)b::uuid[]
);
