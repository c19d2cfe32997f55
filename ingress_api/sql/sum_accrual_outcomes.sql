-- How far an accrual batch is, also one that no ingress took in: the sums of its chunks' outcomes.
-- Parameters: tenant_id, partition_count, accrual_event_id.
-- Result: a row a partition that has applied some chunk of it, in order. Locks: none.
SELECT o.*
FROM generate_series(0, %(partition_count)s - 1) AS p (partition_id)
CROSS JOIN LATERAL (
    SELECT p.partition_id, count(*) AS chunks_done, max(c.chunks_total) AS chunks_total,
           max(coalesce(c.resumed_offset, c.command_offset)) AS last_offset,
           min(c.correlation_id::text) AS correlation_id,
           max(r.journal_entry_id) FILTER (WHERE c.status = 'posted') AS journal_entry_id,
           coalesce(sum(r.loan_count) FILTER (WHERE c.status = 'posted'), 0)::bigint AS loan_count,
           coalesce(sum(r.total_accrued_minor) FILTER (WHERE c.status = 'posted'), 0)::bigint
               AS total_accrued_minor,
           coalesce(sum(r.rejected_count), 0)::bigint AS rejected_count,
           coalesce(sum(r.principal_mismatch_count), 0)::bigint AS principal_mismatch_count,
           max(r.posted_at) AS posted_at
    FROM command_outcomes AS c
    CROSS JOIN LATERAL json_to_record(c.result) AS r (
        journal_entry_id text, loan_count bigint, total_accrued_minor bigint,
        rejected_count bigint, principal_mismatch_count bigint, posted_at text)
    WHERE c.partition_id = p.partition_id AND c.tenant_id = %(tenant_id)s
      AND c.accrual_event_id = %(accrual_event_id)s AND c.command_type = 'AccrualChunk'
    HAVING count(*) > 0
) AS o
ORDER BY o.partition_id;
