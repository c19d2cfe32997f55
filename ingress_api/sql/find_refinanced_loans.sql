-- The loans of a refinance by its entry, which has a part for each; a line of it names the loan.
-- Parameters: tenant_id, partition_count, journal_entry_id.
-- Result: a row a part that has posted; none of any other entry. Locks: none.
SELECT o.*
FROM generate_series(0, %(partition_count)s - 1) AS p (partition_id)
CROSS JOIN LATERAL (
    SELECT e.part, j.loan_id
    FROM journal_entries AS e
    JOIN journal_lines AS j ON j.partition_id = e.partition_id AND j.entry_seq = e.entry_seq
        AND j.sequence = 1 AND j.tenant_id = %(tenant_id)s
    WHERE e.partition_id = p.partition_id AND e.tenant_id = %(tenant_id)s
      AND e.journal_entry_id = %(journal_entry_id)s AND e.event_type = 'refinance'
) AS o;
