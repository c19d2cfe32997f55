-- Append journal entries.
-- Parameters: arrays, one element an entry. Result: none. Locks: none but the new rows.
INSERT INTO journal_entries (
    partition_id, entry_seq, tenant_id, journal_entry_id, part, event_type, event_id, effective_on,
    booked_on, posted_at, correlation_id, reverses_entry_id, reverses_part, actor, description,
    metadata, command_offset, entry_hash)
SELECT partition_id, entry_seq, tenant_id, journal_entry_id, part, event_type, event_id,
       effective_on, booked_on, posted_at, correlation_id, reverses_entry_id, reverses_part, actor,
       description, metadata::json, command_offset, entry_hash
FROM unnest(
    %(partition_id)s::smallint[], %(entry_seq)s::bigint[], %(tenant_id)s::uuid[],
    %(journal_entry_id)s::uuid[], %(part)s::integer[], %(event_type)s::text[],
    %(event_id)s::uuid[], %(effective_on)s::date[], %(booked_on)s::date[],
    %(posted_at)s::timestamptz[], %(correlation_id)s::uuid[], %(reverses_entry_id)s::uuid[],
    %(reverses_part)s::integer[], %(actor)s::text[], %(description)s::text[],
    %(metadata)s::text[], %(command_offset)s::bigint[], %(entry_hash)s::bytea[]
) AS u (partition_id, entry_seq, tenant_id, journal_entry_id, part, event_type, event_id,
        effective_on, booked_on, posted_at, correlation_id, reverses_entry_id, reverses_part, actor,
        description, metadata, command_offset, entry_hash);
