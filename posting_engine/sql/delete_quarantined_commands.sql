-- What was resolved waits no more; its outcome says what became of it.
-- Parameters: partition_ids, tenant_ids, loan_ids, command_offsets. Result: none. Locks: the rows.
DELETE FROM quarantined_commands AS q
USING unnest(
    %(partition_ids)b::smallint[], %(tenant_ids)b::uuid[], %(loan_ids)b::uuid[],
    %(command_offsets)b::bigint[]
) AS u (partition_id, tenant_id, loan_id, command_offset)
WHERE q.partition_id = u.partition_id AND q.tenant_id = u.tenant_id AND q.loan_id = u.loan_id
    AND q.command_offset = u.command_offset;
