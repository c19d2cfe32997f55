-- One page of a borrower's loans over all partitions, by loan id (direction 1) or back (-1).
-- Parameters: partition_ids and upto_seqs (arrays of one length), tenant_id, borrower_id, status
-- (NULL: any), from_loan_id (inclusive), direction, most.
-- Result: a row a loan that was opened by upto_seqs. Locks: none.
SELECT l.*
FROM unnest(%(partition_ids)s::smallint[], %(upto_seqs)s::bigint[]) AS p (partition_id, upto_seq)
CROSS JOIN LATERAL (
    SELECT x.loan_id, x.borrower_id, x.currency, x.status, x.opened_on, x.principal_minor,
           x.interest_minor, x.fees_minor, x.suspense_minor, x.unsettled_minor, x.accrued_through,
           x.quarantined, x.last_activity_at, x.recovered_minor, x.collected_principal_minor,
           x.collected_interest_minor, x.collected_fees_minor
    FROM readable_loans AS x
    WHERE x.partition_id = p.partition_id AND x.tenant_id = %(tenant_id)s
      AND x.borrower_id = %(borrower_id)s
      AND CASE %(direction)s::int
          WHEN 1 THEN x.loan_id >= %(from_loan_id)s ELSE x.loan_id <= %(from_loan_id)s END
      AND (%(status)s::text IS NULL OR x.status = %(status)s)
      AND (x.life_began_seq <= p.upto_seq OR x.life > 1 AND EXISTS (
          SELECT FROM readable_lines AS y
          WHERE y.partition_id = x.partition_id AND y.tenant_id = x.tenant_id
            AND y.loan_id = x.loan_id AND y.entry_seq <= p.upto_seq
      ))
) AS l
ORDER BY CASE %(direction)s::int WHEN 1 THEN l.loan_id END,
         CASE %(direction)s::int WHEN -1 THEN l.loan_id END DESC
LIMIT %(most)s;
