-- Append journal entries.
-- Parameters: arrays, one element an entry. Result: none. Locks: none but the new rows.
INSERT INTO journal_entries (
    partition_id, entry_seq, tenant_id, journal_entry_id, part, event_type, event_id, effective_on,
    booked_on, posted_at, correlation_id, reverses_entry_id, reverses_part, actor, description,
    metadata, details, command_offset, entry_hash)
SELECT partition_id, entry_seq, tenant_id, journal_entry_id, part, event_type, event_id,
       effective_on, booked_on, posted_at, correlation_id, reverses_entry_id, reverses_part, actor,
       description, metadata::json, details::json, command_offset, entry_hash
FROM unnest(
    %(partition_id)b::smallint[], %(entry_seq)b::bigint[], %(tenant_id)b::uuid[],
    %(journal_entry_id)b::uuid[], %(part)b::integer[], %(event_type)b::text[],
    %(event_id)b::uuid[], %(effective_on)b::date[], %(booked_on)b::date[],
    %(posted_at)b::timestamptz[], %(correlation_id)b::uuid[], %(reverses_entry_id)b::uuid[],
    %(reverses_part)b::integer[], %(actor)b::text[], %(description)b::text[],
    %(metadata)b::text[], %(details)b::text[], %(command_offset)b::bigint[],
    %(entry_hash)b::bytea[]
) AS u (partition_id, entry_seq, tenant_id, journal_entry_id, part, event_type, event_id,
        effective_on, booked_on, posted_at, correlation_id, reverses_entry_id, reverses_part, actor,
        description, metadata, details, command_offset, entry_hash);
