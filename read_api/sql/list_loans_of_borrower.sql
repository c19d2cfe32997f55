-- One page of a borrower's loans over all partitions, by loan id.
-- Parameters: partition_ids, tenant_id, borrower_id, status (NULL: any), from_loan_id, most.
-- Result: a row a loan. Locks: none.
SELECT l.*
FROM unnest(%(partition_ids)s::smallint[]) AS p (partition_id)
CROSS JOIN LATERAL (
    SELECT x.loan_id, x.borrower_id, x.currency, x.status, x.opened_on, x.principal_minor,
           x.interest_minor, x.fees_minor, x.suspense_minor, x.unsettled_minor, x.accrued_through,
           x.quarantined, x.last_activity_at, x.recovered_minor, x.collected_principal_minor,
           x.collected_interest_minor, x.collected_fees_minor
    FROM readable_loans AS x
    WHERE x.partition_id = p.partition_id AND x.tenant_id = %(tenant_id)s
      AND x.borrower_id = %(borrower_id)s
      AND x.loan_id >= %(from_loan_id)s
      AND (%(status)s::text IS NULL OR x.status = %(status)s)
    ORDER BY x.loan_id
    LIMIT %(most)s
) AS l
ORDER BY l.loan_id
LIMIT %(most)s;
