-- Some part of an entry that lives in several partitions: all parts share type and request.
-- Parameters: tenant_id, partition_count, journal_entry_id. Result: one row or none. Locks: none.
SELECT o.*
FROM generate_series(0, %(partition_count)s - 1) AS p (partition_id)
CROSS JOIN LATERAL (
    SELECT partition_id, part, event_type, correlation_id
    FROM journal_entries AS e
    WHERE e.partition_id = p.partition_id AND e.tenant_id = %(tenant_id)s
      AND e.journal_entry_id = %(journal_entry_id)s
) AS o
LIMIT 1;
