-- The next entries of a tenant over all partitions, in the order posted (direction 1) or back (-1):
-- up to `width` of each partition, of which those count that no partition can still precede.
-- With external_ref, what is scanned are the entries with such a line.
-- Parameters: partition_ids, after_seqs and upto_seqs (arrays of one length), tenant_id, direction,
-- width; behind_at, behind_partition and behind_seq (NULL: no such bound); from_date, to_date;
-- event_type, account_code, external_ref (NULL: any).
-- Result: a row a partition in which anything was scanned: how far it was passed (NULL: nowhere),
-- whether more is left there, and what was found. Locks: none.
WITH scanned AS MATERIALIZED (
    SELECT p.partition_id, e.*
    FROM unnest(%(partition_ids)s::smallint[], %(after_seqs)s::bigint[], %(upto_seqs)s::bigint[])
        AS p (partition_id, after_seq, upto_seq)
    CROSS JOIN LATERAL (
        (SELECT x.entry_seq, x.posted_at, x.event_type, x.effective_on
         FROM readable_entries AS x
         WHERE %(direction)s::int = 1 AND %(external_ref)s::text IS NULL
           AND x.partition_id = p.partition_id AND x.tenant_id = %(tenant_id)s
           AND x.entry_seq > p.after_seq AND x.entry_seq <= p.upto_seq
         ORDER BY x.entry_seq
         LIMIT %(width)s)
        UNION ALL
        (SELECT x.entry_seq, x.posted_at, x.event_type, x.effective_on
         FROM readable_entries AS x
         WHERE %(direction)s::int = -1 AND %(external_ref)s::text IS NULL
           AND x.partition_id = p.partition_id AND x.tenant_id = %(tenant_id)s
           AND x.entry_seq < p.after_seq AND x.entry_seq <= p.upto_seq
         ORDER BY x.entry_seq DESC
         LIMIT %(width)s)
        UNION ALL
        (SELECT x.entry_seq, x.posted_at, x.event_type, x.effective_on
         FROM (
             (SELECT DISTINCT l.entry_seq
              FROM readable_lines AS l
              WHERE %(direction)s::int = 1 AND l.external_ref = %(external_ref)s::text
                AND l.partition_id = p.partition_id AND l.tenant_id = %(tenant_id)s
                AND l.entry_seq > p.after_seq AND l.entry_seq <= p.upto_seq
              ORDER BY l.entry_seq
              LIMIT %(width)s)
             UNION ALL
             (SELECT DISTINCT l.entry_seq
              FROM readable_lines AS l
              WHERE %(direction)s::int = -1 AND l.external_ref = %(external_ref)s::text
                AND l.partition_id = p.partition_id AND l.tenant_id = %(tenant_id)s
                AND l.entry_seq < p.after_seq AND l.entry_seq <= p.upto_seq
              ORDER BY l.entry_seq DESC
              LIMIT %(width)s)
         ) AS referred
         CROSS JOIN LATERAL (
             SELECT y.entry_seq, y.posted_at, y.event_type, y.effective_on
             FROM readable_entries AS y
             WHERE y.partition_id = p.partition_id AND y.entry_seq = referred.entry_seq
               AND y.tenant_id = %(tenant_id)s
             OFFSET 0
         ) AS x)
    ) AS e
), placed AS (
    SELECT scanned.*, %(direction)s::int * row_number() OVER by_key AS place,
           count(*) OVER (PARTITION BY partition_id) >= %(width)s AS is_full
    FROM scanned
    WINDOW by_key AS (ORDER BY posted_at, partition_id, entry_seq)
), ends AS (
    SELECT max(place) AS last_place FROM placed WHERE is_full GROUP BY partition_id
), judged AS (
    SELECT placed.*, place <= coalesce((SELECT min(last_place) FROM ends), place) AS is_passed
    FROM placed
), found AS (
    SELECT partition_id, array_agg(entry_seq ORDER BY entry_seq) AS found_seqs,
           array_agg(posted_at ORDER BY entry_seq) AS found_at
    FROM judged
    WHERE is_passed AND effective_on BETWEEN %(from_date)s AND %(to_date)s
      AND (%(event_type)s::text IS NULL OR event_type = %(event_type)s)
      AND (%(behind_at)s::timestamptz IS NULL OR CASE %(direction)s::int
          WHEN 1 THEN (posted_at, partition_id::int, entry_seq)
              > (%(behind_at)s, %(behind_partition)s::int, %(behind_seq)s::bigint)
          ELSE (posted_at, partition_id::int, entry_seq)
              < (%(behind_at)s, %(behind_partition)s::int, %(behind_seq)s::bigint)
          END)
      AND (%(account_code)s::text IS NULL OR EXISTS (
          SELECT FROM readable_lines AS l
          WHERE l.partition_id = judged.partition_id AND l.entry_seq = judged.entry_seq
            AND l.tenant_id = %(tenant_id)s AND l.account_code = %(account_code)s
          OFFSET 0
      ))
    GROUP BY partition_id
)
SELECT partition_id,
       max(%(direction)s::int * entry_seq) FILTER (WHERE is_passed) * %(direction)s::int
           AS passed_seq,
       bool_or(is_full OR NOT is_passed) AS has_more,
       coalesce((SELECT f.found_seqs FROM found AS f WHERE f.partition_id = judged.partition_id),
           '{}') AS found_seqs,
       coalesce((SELECT f.found_at FROM found AS f WHERE f.partition_id = judged.partition_id),
           '{}') AS found_at
FROM judged
GROUP BY partition_id;
