-- The entries of a loan's present life that count within some days: by effective date, then as
-- posted.
-- Parameters: partition_id, tenant_id, loan_id, life_began_seq, from_date, to_date, most.
-- Result: a row an entry. Locks: none.
SELECT e.entry_seq, e.journal_entry_id, e.event_type, e.effective_on, e.posted_at, e.description,
       e.reverses_entry_id,
       coalesce(share.reversed_by_entry_id, whole.reversed_by_entry_id) AS reversed_by_entry_id
FROM (
    SELECT DISTINCT x.entry_seq
    FROM readable_lines AS x
    WHERE x.partition_id = %(partition_id)s AND x.tenant_id = %(tenant_id)s
      AND x.loan_id = %(loan_id)s AND x.entry_seq >= %(life_began_seq)s
      AND x.effective_on BETWEEN %(from_date)s AND %(to_date)s
) AS l
JOIN readable_entries AS e
  ON e.partition_id = %(partition_id)s AND e.tenant_id = %(tenant_id)s
 AND e.entry_seq = l.entry_seq
LEFT JOIN readable_reversals AS share
  ON share.partition_id = e.partition_id AND share.reverses_entry_id = e.journal_entry_id
 AND share.part = e.part AND share.loan_id = %(loan_id)s AND share.tenant_id = e.tenant_id
LEFT JOIN readable_reversals AS whole
  ON whole.partition_id = e.partition_id AND whole.reverses_entry_id = e.journal_entry_id
 AND whole.part = e.part AND whole.loan_id = '00000000-0000-0000-0000-000000000000'
 AND whole.tenant_id = e.tenant_id
ORDER BY e.effective_on, e.entry_seq
LIMIT %(most)s;
