-- Entries that commands name by their own id, or by their event's (then in a range of ids, because
-- only the upper half is known), each with its lines, its disbursement, its reversal.
-- Parameters: partition_ids, tenant_ids, first_ids, last_ids, parts, event_ids (NULL: by id).
-- Result: one row a line, in order. Locks: none.
SELECT e.partition_id, e.entry_seq, e.tenant_id, e.journal_entry_id, e.part, e.event_type, e.event_id,
       e.effective_on, e.booked_on, e.posted_at, e.correlation_id, e.actor, e.description,
       e.metadata, e.details, e.reverses_entry_id, e.reverses_part,
       t.reversed_by_entry_id,
       d.event_id AS disbursed_event_id, d.loan_id AS disbursed_loan_id,
       d.journal_entry_id AS disbursed_journal_entry_id, d.amount_minor AS disbursed_amount_minor,
       d.entry_seq AS disbursed_entry_seq, d.effective_on AS disbursed_effective_on,
       d.settled_minor AS disbursed_settled_minor, d.reversed AS disbursed_reversed,
       j.sequence, j.account_code, j.direction, j.amount_minor, j.currency, j.loan_id, j.borrower_id,
       j.external_ref, j.layer
FROM unnest(
    %(partition_ids)b::smallint[], %(tenant_ids)b::uuid[], %(first_ids)b::uuid[],
    %(last_ids)b::uuid[], %(parts)b::integer[], %(event_ids)b::uuid[]
) AS u (partition_id, tenant_id, first_id, last_id, part, event_id)
CROSS JOIN LATERAL (
    SELECT * FROM journal_entries AS x
    -- Without the tenant, so that no index by tenant is ever taken; it is compared below.
    WHERE x.partition_id = u.partition_id
        AND x.journal_entry_id BETWEEN u.first_id AND u.last_id
        AND x.part = u.part AND (u.event_id IS NULL OR x.event_id = u.event_id)
    LIMIT 1
) AS e
LEFT JOIN LATERAL (
    SELECT * FROM reversal_targets AS r
    WHERE r.partition_id = e.partition_id AND r.reverses_entry_id = e.journal_entry_id
        AND r.part = e.part AND r.loan_id = '00000000-0000-0000-0000-000000000000'
    LIMIT 1
) AS t ON true
LEFT JOIN LATERAL (
    SELECT y.event_id FROM disbursement_entries AS y
    WHERE y.partition_id = e.partition_id AND y.journal_entry_id = e.journal_entry_id
    LIMIT 1
) AS link ON true
LEFT JOIN LATERAL (
    SELECT * FROM disbursements AS s
    WHERE s.partition_id = e.partition_id AND s.tenant_id = e.tenant_id
        AND s.event_id = coalesce(link.event_id, e.event_id)
    LIMIT 1
) AS d ON true
CROSS JOIN LATERAL (
    SELECT * FROM journal_lines AS y
    WHERE y.partition_id = e.partition_id AND y.entry_seq = e.entry_seq
    ORDER BY y.sequence
    LIMIT 100000
) AS j
WHERE e.tenant_id = u.tenant_id
ORDER BY e.partition_id, e.entry_seq, j.sequence;
