-- Note the entries in parts (4095 in the id) among runs of entries: each is one event, of the last
-- of its parts. Only where somebody listens.
-- Parameters: partition_ids, after_seqs, through_seqs (in step). Result: none.
-- Locks: the rows, in order of their keys.
INSERT INTO webhook_awaited AS a (
    tenant_id, journal_entry_id, queue_id, partition_id, entry_seq, part, event_type, occurred_at,
    correlation_id)
SELECT DISTINCT ON (e.tenant_id, e.journal_entry_id)
       e.tenant_id, e.journal_entry_id, coalesce(f.loan_id, e.journal_entry_id), e.partition_id,
       e.entry_seq, e.part, e.event_type, e.posted_at, e.correlation_id
FROM unnest(%(partition_ids)s::smallint[], %(after_seqs)s::bigint[], %(through_seqs)s::bigint[])
    AS w (partition_id, after_seq, through_seq)
CROSS JOIN LATERAL (
    SELECT j.*
    FROM journal_entries AS j
    WHERE j.partition_id = w.partition_id AND j.entry_seq > w.after_seq
      AND j.entry_seq <= w.through_seq AND substr(j.journal_entry_id::text, 16, 3) = 'fff'
      AND EXISTS (
          SELECT FROM webhook_endpoints AS x
          WHERE x.tenant_id = j.tenant_id AND x.status = 'enabled')
    ORDER BY j.entry_seq
    LIMIT w.through_seq - w.after_seq
) AS e
-- The loan, where its lines name one alone.
LEFT JOIN LATERAL (
    SELECT l.loan_id FROM journal_lines AS l
    WHERE l.partition_id = e.partition_id AND l.entry_seq = e.entry_seq AND l.loan_id IS NOT NULL
      AND NOT EXISTS (
          SELECT FROM journal_lines AS m
          WHERE m.partition_id = e.partition_id AND m.entry_seq = e.entry_seq
            AND m.loan_id <> l.loan_id)
    ORDER BY l.sequence LIMIT 1
) AS f ON true
ORDER BY e.tenant_id, e.journal_entry_id, e.part DESC
ON CONFLICT (tenant_id, journal_entry_id) DO UPDATE
SET queue_id = excluded.queue_id, partition_id = excluded.partition_id,
    entry_seq = excluded.entry_seq, part = excluded.part,
    occurred_at = greatest(a.occurred_at, excluded.occurred_at)
WHERE excluded.part > a.part;
