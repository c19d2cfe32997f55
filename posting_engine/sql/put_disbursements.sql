-- Record disbursements, or what has become of them.
-- Parameters: arrays, one element a disbursement. Result: none. Locks: the rows.
INSERT INTO disbursements AS d (
    partition_id, tenant_id, event_id, loan_id, journal_entry_id, amount_minor, settled_minor, reversed)
SELECT *
FROM unnest(
    %(partition_id)s::smallint[], %(tenant_id)s::uuid[], %(event_id)s::uuid[], %(loan_id)s::uuid[],
    %(journal_entry_id)s::uuid[], %(amount_minor)s::bigint[], %(settled_minor)s::bigint[],
    %(reversed)s::boolean[]
)
ON CONFLICT (partition_id, tenant_id, event_id)
DO UPDATE SET settled_minor = excluded.settled_minor, reversed = excluded.reversed;
