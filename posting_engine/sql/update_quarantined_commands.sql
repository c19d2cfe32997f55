-- What broke again when it was resumed waits on, for another reason perhaps.
-- Parameters: arrays, one element a command (`quarantine_columns`). Result: none. Locks: the rows.
UPDATE quarantined_commands AS q
SET reason = u.reason, quarantined_at = u.decided_at
FROM unnest(
    %(partition_id)b::smallint[], %(tenant_id)b::uuid[], %(loan_id)b::uuid[],
    %(command_offset)b::bigint[], %(reason)b::text[], %(decided_at)b::timestamptz[]
) AS u (partition_id, tenant_id, loan_id, command_offset, reason, decided_at)
WHERE q.partition_id = u.partition_id AND q.tenant_id = u.tenant_id AND q.loan_id = u.loan_id
    AND q.command_offset = u.command_offset;
