-- Record what has been reversed; the key makes a second reversal impossible.
-- Parameters: arrays, one element a target. Result: none. Locks: none but the new rows.
INSERT INTO reversal_targets (
    partition_id, reverses_entry_id, part, loan_id, tenant_id, reversed_by_entry_id)
SELECT *
FROM unnest(
    %(partition_id)b::smallint[], %(reverses_entry_id)b::uuid[], %(part)b::integer[],
    %(loan_id)b::uuid[], %(tenant_id)b::uuid[], %(reversed_by_entry_id)b::uuid[]
);
