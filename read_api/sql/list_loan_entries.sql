-- Entries of a loan within a stretch of its journal: in the order posted (direction 1) or back (-1),
-- or where is_by_date by effective date first.
-- Parameters: partition_id, tenant_id, loan_id, from_date, to_date, event_type (NULL: all),
-- after_seq, upto_seq, direction, is_by_date, most. Result: a row an entry. Locks: none.
SELECT e.partition_id, e.entry_seq, e.journal_entry_id, e.part, e.event_type, e.effective_on,
       e.posted_at, e.correlation_id, e.reverses_entry_id, e.actor, e.description, e.metadata,
       e.details,
       coalesce(share.reversed_by_entry_id, whole.reversed_by_entry_id) AS reversed_by_entry_id
FROM (
    SELECT DISTINCT entry_seq
    FROM readable_lines
    WHERE partition_id = %(partition_id)s AND tenant_id = %(tenant_id)s
      AND loan_id = %(loan_id)s
      AND effective_on BETWEEN %(from_date)s AND %(to_date)s
      AND entry_seq * %(direction)s > %(after_seq)s * %(direction)s AND entry_seq <= %(upto_seq)s
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
WHERE %(event_type)s::text IS NULL OR e.event_type = %(event_type)s
ORDER BY CASE WHEN %(is_by_date)s THEN e.effective_on END, e.entry_seq * %(direction)s
LIMIT %(most)s;
