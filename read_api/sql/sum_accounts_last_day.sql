-- Both sides of accounts from the lines that were posted within part of one day.
-- posted_at never goes back within a partition, so both ends are found by halving entry_seq,
-- among the tenant's own entries alone.
-- Parameters: tenant_id, account_code, currency and layer (NULL: all), as_of (by booking date),
-- from_instant (inclusive), to_instant (exclusive).
-- Result: a row an account, currency and layer; NULL where a side has no line. Locks: none.
WITH RECURSIVE search (partition_id, bound, low, high) AS (
    SELECT p.partition_id, b.bound, 0::bigint, p.last_entry_seq + 1
    FROM readable_partitions AS p
    CROSS JOIN (VALUES (%(from_instant)s::timestamptz), (%(to_instant)s::timestamptz)) AS b (bound)
    UNION ALL
    SELECT s.partition_id, s.bound,
           CASE WHEN probe.posted_at < s.bound THEN probe.entry_seq ELSE s.low END,
           CASE WHEN probe.posted_at < s.bound THEN s.high ELSE (s.low + s.high) / 2 END
    FROM search AS s
    LEFT JOIN LATERAL (
        SELECT e.entry_seq, e.posted_at
        FROM readable_entries AS e
        WHERE e.partition_id = s.partition_id AND e.tenant_id = %(tenant_id)s
          AND e.entry_seq >= (s.low + s.high) / 2
        ORDER BY e.entry_seq
        LIMIT 1
    ) AS probe ON true
    WHERE s.high - s.low > 1
), ends AS (
    SELECT partition_id, min(high) FILTER (WHERE bound = %(from_instant)s) AS first_seq,
           min(high) FILTER (WHERE bound = %(to_instant)s) AS end_seq
    FROM search
    GROUP BY partition_id
)
SELECT l.account_code, l.currency, l.layer,
       sum(l.amount_minor) FILTER (WHERE l.direction = 'DR') AS debit_minor,
       sum(l.amount_minor) FILTER (WHERE l.direction = 'CR') AS credit_minor
FROM ends
CROSS JOIN LATERAL (
    SELECT e.entry_seq
    FROM readable_entries AS e
    WHERE e.partition_id = ends.partition_id AND e.tenant_id = %(tenant_id)s
      AND e.entry_seq >= ends.first_seq AND e.entry_seq < ends.end_seq
      AND e.booked_on <= %(as_of)s
    OFFSET 0
) AS e
CROSS JOIN LATERAL (
    SELECT x.account_code, x.currency, x.layer, x.amount_minor, x.direction
    FROM readable_lines AS x
    WHERE x.partition_id = ends.partition_id AND x.entry_seq = e.entry_seq
      AND x.tenant_id = %(tenant_id)s
      AND (%(account_code)s::text IS NULL OR x.account_code = %(account_code)s)
      AND (%(currency)s::text IS NULL OR x.currency = %(currency)s)
      AND (%(layer)s::text IS NULL OR x.layer = %(layer)s)
    OFFSET 0
) AS l
GROUP BY l.account_code, l.currency, l.layer;
