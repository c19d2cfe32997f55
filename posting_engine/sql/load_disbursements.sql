-- The disbursements that settlements name.
-- Parameters: partition_ids, tenant_ids, event_ids. Result: one row a disbursement. Locks: none.
SELECT d.partition_id, d.tenant_id, d.event_id, d.loan_id, d.journal_entry_id, d.amount_minor,
       d.entry_seq, d.effective_on, d.settled_minor, d.reversed
FROM unnest(%(partition_ids)b::smallint[], %(tenant_ids)b::uuid[], %(event_ids)b::uuid[])
    AS u (partition_id, tenant_id, event_id)
CROSS JOIN LATERAL (
    SELECT * FROM disbursements AS s
    WHERE s.partition_id = u.partition_id AND s.tenant_id = u.tenant_id AND s.event_id = u.event_id
    LIMIT 1
) AS d;
