-- Closes that contradict each other, or an entry booked into a month that had been closed.
-- Parameters: none. Result: one row a fault. Locks: none.
SELECT partition_id, tenant_id, NULL::bigint AS entry_seq, c.closed_through AS day,
       format('closed through %%s, and its last close is %%s', c.closed_through, k.closed_through)
           AS told
FROM closed_periods AS c
FULL JOIN (
    SELECT partition_id, tenant_id, max(closed_through) AS closed_through
    FROM period_closes
    GROUP BY 1, 2
) AS k USING (partition_id, tenant_id)
WHERE c.closed_through IS DISTINCT FROM k.closed_through
UNION ALL
SELECT e.partition_id, e.tenant_id, e.entry_seq, e.booked_on,
       format('booked on %%s, and closed through %%s before it', e.booked_on, c.closed_through)
FROM journal_entries AS e
JOIN period_closes AS c USING (partition_id, tenant_id)
WHERE c.closed_at < e.posted_at AND e.booked_on <= c.closed_through;
