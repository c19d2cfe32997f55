-- The next of a tenant's loans over all partitions, by loan id (direction 1) or back (-1): up to
-- `width` of each partition, of which those count that no partition can still precede.
-- Parameters: partition_ids and upto_seqs (arrays of one length), tenant_id, from_loan_id
-- (inclusive), direction, status (NULL: any), width, most.
-- Result: a row a loan that was opened by upto_seqs, or one with a NULL loan_id where there is
-- none; passed_loan_id: how far everything was looked at (NULL: to the end). Locks: none.
WITH scanned AS MATERIALIZED (
    SELECT p.upto_seq, l.*
    FROM unnest(%(partition_ids)s::smallint[], %(upto_seqs)s::bigint[]) AS p (partition_id, upto_seq)
    CROSS JOIN LATERAL (
        (SELECT x.*
         FROM readable_loans AS x
         WHERE %(direction)s::int = 1
           AND x.partition_id = p.partition_id AND x.tenant_id = %(tenant_id)s
           AND x.loan_id >= %(from_loan_id)s
         ORDER BY x.loan_id
         LIMIT %(width)s)
        UNION ALL
        (SELECT x.*
         FROM readable_loans AS x
         WHERE %(direction)s::int = -1
           AND x.partition_id = p.partition_id AND x.tenant_id = %(tenant_id)s
           AND x.loan_id <= %(from_loan_id)s
         ORDER BY x.loan_id DESC
         LIMIT %(width)s)
    ) AS l
), placed AS (
    SELECT scanned.*, %(direction)s::int * row_number() OVER (ORDER BY loan_id) AS place,
           count(*) OVER (PARTITION BY partition_id) >= %(width)s AS is_full
    FROM scanned
), ends AS (
    SELECT min(last_place) AS place
    FROM (SELECT max(place) AS last_place FROM placed WHERE is_full GROUP BY partition_id) AS full_ones
), passed AS (
    SELECT ends.place, placed.loan_id
    FROM ends
    LEFT JOIN placed USING (place)
)
SELECT passed.loan_id AS passed_loan_id, s.loan_id, s.borrower_id, s.currency, s.status,
       s.opened_on, s.principal_minor, s.interest_minor, s.fees_minor, s.suspense_minor,
       s.unsettled_minor, s.accrued_through, s.quarantined, s.last_activity_at, s.recovered_minor,
       s.collected_principal_minor, s.collected_interest_minor, s.collected_fees_minor
FROM passed
LEFT JOIN placed AS s
  ON (passed.place IS NULL OR s.place <= passed.place)
 AND (%(status)s::text IS NULL OR s.status = %(status)s)
 AND (s.life_began_seq <= s.upto_seq OR s.life > 1 AND EXISTS (
     SELECT FROM readable_lines AS l
     WHERE l.partition_id = s.partition_id AND l.tenant_id = s.tenant_id AND l.loan_id = s.loan_id
       AND l.entry_seq <= s.upto_seq
 ))
ORDER BY s.place
LIMIT %(most)s;
