-- Which of the awaited entries are whole: the outcome of every step of their request is known, and
-- every part of them has been passed by the cursors. A later part's queue and place count.
-- Parameters: partition_count. Result: (tenant_id, journal_entry_id). Locks: none.
SELECT a.tenant_id, a.journal_entry_id
FROM webhook_awaited AS a
CROSS JOIN LATERAL (
    SELECT count(*) AS known, max(o.chunks_total) AS wanted
    FROM generate_series(0, %(partition_count)s - 1) AS p (partition_id)
    CROSS JOIN LATERAL (
        SELECT c.chunks_total FROM command_outcomes AS c
        WHERE c.partition_id = p.partition_id AND c.tenant_id = a.tenant_id
          AND c.correlation_id = a.correlation_id AND c.chunks_total IS NOT NULL
    ) AS o
) AS steps
WHERE steps.known >= coalesce(steps.wanted, 0)
  AND NOT EXISTS (
      SELECT FROM delivery_cursors AS c
      CROSS JOIN LATERAL (
          SELECT max(j.entry_seq) AS last_seq FROM journal_entries AS j
          WHERE j.partition_id = c.partition_id AND j.journal_entry_id = a.journal_entry_id
      ) AS part
      WHERE c.name = 'webhooks' AND part.last_seq > c.entry_seq);
