-- Record that commands broke, and why.
-- Parameters: arrays, one element a fact. Result: none. Locks: none but the new rows.
INSERT INTO quarantines (
    partition_id, decided_offset, command_offset, loan_id, tenant_id, command_id, reason, decided_at)
SELECT *
FROM unnest(
    %(partition_id)b::smallint[], %(decided_offset)b::bigint[], %(command_offset)b::bigint[],
    %(loan_id)b::uuid[], %(tenant_id)b::uuid[], %(command_id)b::uuid[], %(reason)b::text[],
    %(decided_at)b::timestamptz[]
);
