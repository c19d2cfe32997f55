-- The disbursements that settlements name, each with its reversal. What a refinance lends is in
-- part 1 of its entry; part 0, if it is in this partition, is reversed after it by the same entry.
-- Parameters: partition_ids, tenant_ids, event_ids. Result: one row a disbursement. Locks: none.
SELECT d.partition_id, d.tenant_id, d.event_id, d.loan_id, d.journal_entry_id, d.amount_minor,
       d.entry_seq, d.effective_on, d.settled_minor, d.reversed, t.reversed_by_entry_id
FROM unnest(%(partition_ids)b::smallint[], %(tenant_ids)b::uuid[], %(event_ids)b::uuid[])
    AS u (partition_id, tenant_id, event_id)
CROSS JOIN LATERAL (
    SELECT * FROM disbursements AS s
    WHERE s.partition_id = u.partition_id AND s.tenant_id = u.tenant_id AND s.event_id = u.event_id
    LIMIT 1
) AS d
LEFT JOIN LATERAL (
    SELECT * FROM reversal_targets AS r
    WHERE r.partition_id = d.partition_id AND r.reverses_entry_id = d.journal_entry_id
        AND r.part = ANY (ARRAY[0, 1]) AND r.loan_id = '00000000-0000-0000-0000-000000000000'
    ORDER BY r.part DESC
    LIMIT 1
) AS t ON true;
