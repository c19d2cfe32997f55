-- Queue runs of entries for the endpoints that are to be told of them, each endpoint's events of a
-- loan in one queue. Entries in parts (4095 in the id) are for `await_parts`; a replay takes those,
-- too, that are whole. What is queued already stays as it is; a replay queues it again.
-- Parameters: partition_ids, after_seqs, through_seqs (in step); endpoint_id, or NULL for all;
-- is_replay. Result: none. Locks: the deliveries; their queues, in order of their keys.
WITH entries AS (
    SELECT e.*, f.queue_id
    FROM unnest(%(partition_ids)s::smallint[], %(after_seqs)s::bigint[], %(through_seqs)s::bigint[])
        AS w (partition_id, after_seq, through_seq)
    CROSS JOIN LATERAL (
        SELECT j.partition_id, j.entry_seq, j.tenant_id, j.journal_entry_id, j.event_type,
               j.posted_at, j.correlation_id
        FROM journal_entries AS j
        WHERE j.partition_id = w.partition_id AND j.entry_seq > w.after_seq
          AND j.entry_seq <= w.through_seq
          AND (%(is_replay)s OR substr(j.journal_entry_id::text, 16, 3) <> 'fff')
          AND EXISTS (SELECT FROM webhook_endpoints AS x WHERE x.tenant_id = j.tenant_id)
        ORDER BY j.entry_seq
        LIMIT w.through_seq - w.after_seq
    ) AS e
    LEFT JOIN LATERAL (
        SELECT l.loan_id FROM journal_lines AS l
        WHERE l.partition_id = e.partition_id AND l.entry_seq = e.entry_seq AND l.loan_id IS NOT NULL
        ORDER BY l.sequence LIMIT 1
    ) AS first_line ON true
    CROSS JOIN LATERAL (
        SELECT CASE WHEN first_line.loan_id IS NULL OR EXISTS (
            SELECT FROM journal_lines AS l
            WHERE l.partition_id = e.partition_id AND l.entry_seq = e.entry_seq
              AND l.loan_id <> first_line.loan_id
        ) THEN e.journal_entry_id ELSE first_line.loan_id END AS queue_id
    ) AS f
), queued AS (
    INSERT INTO webhook_deliveries AS d (
        endpoint_id, journal_entry_id, tenant_id, queue_id, partition_id, entry_seq, event_type,
        occurred_at, correlation_id)
    SELECT DISTINCT ON (x.endpoint_id, e.journal_entry_id)
           x.endpoint_id, e.journal_entry_id, e.tenant_id, e.queue_id, e.partition_id, e.entry_seq,
           e.event_type, e.posted_at, e.correlation_id
    FROM entries AS e
    JOIN webhook_endpoints AS x ON x.tenant_id = e.tenant_id
    WHERE x.status = 'enabled'
      AND (x.event_types IS NULL OR e.event_type = ANY (x.event_types))
      AND (%(endpoint_id)s::uuid IS NULL OR x.endpoint_id = %(endpoint_id)s::uuid)
      AND (%(is_replay)s OR e.entry_seq > x.starts_after[e.partition_id + 1])
      AND NOT EXISTS (
          SELECT FROM webhook_awaited AS a
          WHERE a.tenant_id = e.tenant_id AND a.journal_entry_id = e.journal_entry_id)
    ORDER BY x.endpoint_id, e.journal_entry_id, e.entry_seq
    ON CONFLICT (endpoint_id, journal_entry_id) DO UPDATE
    SET status = 'pending', tries = 0, queued_at = clock_timestamp(), finished_at = NULL
    WHERE %(is_replay)s AND d.status <> 'pending'
    RETURNING endpoint_id, queue_id
)
INSERT INTO webhook_queues AS q (endpoint_id, queue_id, next_attempt_at)
SELECT DISTINCT endpoint_id, queue_id, statement_timestamp()
FROM queued
ORDER BY endpoint_id, queue_id
ON CONFLICT (endpoint_id, queue_id) DO UPDATE SET next_attempt_at = q.next_attempt_at;
