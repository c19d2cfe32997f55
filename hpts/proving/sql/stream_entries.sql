-- A partition's entries in order, as their canonical bytes have them (docs/verification.md).
-- Parameters: partition_id. Result: one row an entry; posted_micros is NULL for an instant that is
-- none. Locks: none.
SELECT entry_seq, tenant_id::text, journal_entry_id::text, part, event_type, event_id::text,
       effective_on::text, booked_on::text,
       CASE WHEN isfinite(posted_at) THEN (extract(epoch FROM posted_at) * 1000000)::bigint END
           AS posted_micros,
       correlation_id::text, reverses_entry_id::text, reverses_part, actor, description,
       metadata::text, details::text, entry_hash, command_offset
FROM journal_entries
WHERE partition_id = %(partition_id)s
ORDER BY entry_seq;
