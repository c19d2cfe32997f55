-- Record disbursements, or what has become of them.
-- Parameters: arrays, one element a disbursement. Result: none. Locks: the rows.
INSERT INTO disbursements AS d (
    partition_id, tenant_id, event_id, loan_id, journal_entry_id, amount_minor, entry_seq,
    effective_on, settled_minor, reversed)
SELECT *
FROM unnest(
    %(partition_id)b::smallint[], %(tenant_id)b::uuid[], %(event_id)b::uuid[], %(loan_id)b::uuid[],
    %(journal_entry_id)b::uuid[], %(amount_minor)b::bigint[], %(entry_seq)b::bigint[],
    %(effective_on)b::date[], %(settled_minor)b::bigint[],
    %(reversed)b::boolean[]
)
ON CONFLICT (partition_id, tenant_id, event_id)
DO UPDATE SET settled_minor = excluded.settled_minor, reversed = excluded.reversed;
