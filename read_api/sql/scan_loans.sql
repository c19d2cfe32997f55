-- The next of a tenant's loans over all partitions, by loan id: up to `width` of each partition,
-- of which those count that no partition can still precede.
-- Parameters: partition_ids, tenant_id, from_loan_id (inclusive), status (NULL: any), width, most.
-- Result: a row a loan, or one with a NULL loan_id where there is none; passed_loan_id: how far
-- everything was looked at (NULL: to the end). Locks: none.
WITH scanned AS MATERIALIZED (
    SELECT p.partition_id, l.*
    FROM unnest(%(partition_ids)s::smallint[]) AS p (partition_id)
    CROSS JOIN LATERAL (
        SELECT x.loan_id, x.borrower_id, x.currency, x.status, x.opened_on, x.principal_minor,
               x.interest_minor, x.fees_minor, x.suspense_minor, x.unsettled_minor,
               x.accrued_through, x.quarantined, x.last_activity_at, x.recovered_minor,
               x.collected_principal_minor, x.collected_interest_minor, x.collected_fees_minor
        FROM readable_loans AS x
        WHERE x.partition_id = p.partition_id AND x.tenant_id = %(tenant_id)s
          AND x.loan_id >= %(from_loan_id)s
        ORDER BY x.loan_id
        LIMIT %(width)s
    ) AS l
), passed AS (
    -- As text, because not every Postgres has a min and max of uuid.
    SELECT min(ends.last_loan_id)::uuid AS loan_id
    FROM (
        SELECT max(loan_id::text COLLATE "C") AS last_loan_id
        FROM scanned
        GROUP BY partition_id
        HAVING count(*) >= %(width)s
    ) AS ends
)
SELECT passed.loan_id AS passed_loan_id, s.*
FROM passed
LEFT JOIN scanned AS s
  ON (passed.loan_id IS NULL OR s.loan_id <= passed.loan_id)
 AND (%(status)s::text IS NULL OR s.status = %(status)s)
ORDER BY s.loan_id
LIMIT %(most)s;
