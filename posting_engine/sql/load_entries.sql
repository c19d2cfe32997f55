-- Whole entries (part 0) that reversals name, each with its lines, its disbursement, its reversal.
-- Parameters: partition_ids, tenant_ids, journal_entry_ids. Result: one row a line, in order.
-- Locks: none.
SELECT e.partition_id, e.entry_seq, e.tenant_id, e.journal_entry_id, e.part, e.event_type, e.event_id,
       e.effective_on, e.booked_on, e.posted_at, e.correlation_id, e.actor, e.description,
       e.metadata, e.reverses_entry_id, e.reverses_part,
       t.reversed_by_entry_id,
       d.loan_id AS disbursed_loan_id, d.amount_minor AS disbursed_minor, d.settled_minor,
       d.reversed,
       j.account_code, j.direction, j.amount_minor, j.currency, j.loan_id, j.borrower_id,
       j.external_ref, j.layer
FROM unnest(%(partition_ids)b::smallint[], %(tenant_ids)b::uuid[], %(journal_entry_ids)b::uuid[])
    AS u (partition_id, tenant_id, journal_entry_id)
CROSS JOIN LATERAL (
    SELECT * FROM journal_entries AS x
    WHERE x.partition_id = u.partition_id AND x.journal_entry_id = u.journal_entry_id
        AND x.part = 0 AND x.tenant_id = u.tenant_id
    LIMIT 1
) AS e
LEFT JOIN LATERAL (
    SELECT * FROM reversal_targets AS r
    WHERE r.partition_id = e.partition_id AND r.reverses_entry_id = e.journal_entry_id
        AND r.part = 0 AND r.loan_id = '00000000-0000-0000-0000-000000000000'
    LIMIT 1
) AS t ON true
LEFT JOIN LATERAL (
    SELECT * FROM disbursements AS s
    WHERE s.partition_id = e.partition_id AND s.tenant_id = e.tenant_id AND s.event_id = e.event_id
    LIMIT 1
) AS d ON true
CROSS JOIN LATERAL (
    SELECT * FROM journal_lines AS y
    WHERE y.partition_id = e.partition_id AND y.entry_seq = e.entry_seq
    ORDER BY y.sequence
    LIMIT 100000
) AS j
ORDER BY e.partition_id, e.entry_seq, j.sequence;
