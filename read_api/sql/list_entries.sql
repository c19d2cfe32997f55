-- Some entry parts, with what has been reversed of each: whole (zero loan), or loans of an accrual.
-- Parameters: partition_ids and entry_seqs (arrays of one length), tenant_id.
-- Result: a row an entry, in the order given. Locks: none.
SELECT e.*, r.reversed_count, r.is_whole, r.reversed_by_entry_id
FROM unnest(%(partition_ids)s::smallint[], %(entry_seqs)s::bigint[]) WITH ORDINALITY
    AS p (partition_id, entry_seq, place)
CROSS JOIN LATERAL (
    SELECT x.partition_id, x.entry_seq, x.journal_entry_id, x.part, x.event_type, x.effective_on,
           x.posted_at, x.correlation_id, x.reverses_entry_id, x.actor, x.description, x.metadata,
           x.details
    FROM readable_entries AS x
    WHERE x.partition_id = p.partition_id AND x.entry_seq = p.entry_seq
      AND x.tenant_id = %(tenant_id)s
    OFFSET 0
) AS e
CROSS JOIN LATERAL (
    SELECT count(*) AS reversed_count,
           bool_or(v.loan_id = '00000000-0000-0000-0000-000000000000') AS is_whole,
           max(v.reversed_by_entry_id::text) AS reversed_by_entry_id
    FROM readable_reversals AS v
    WHERE v.partition_id = e.partition_id AND v.reverses_entry_id = e.journal_entry_id
      AND v.part = e.part AND v.tenant_id = %(tenant_id)s
    OFFSET 0
) AS r
ORDER BY p.place;
