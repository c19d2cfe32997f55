-- What has been reversed of an entry: whole parts (zero loan) or loans of an accrual.
-- Parameters: partition_ids, tenant_id, journal_entry_id.
-- Result: one row: how many, and the last of them. Locks: none.
SELECT count(*) AS reversed_count,
       bool_or(loan_id = '00000000-0000-0000-0000-000000000000') AS is_whole,
       max(reversed_by_entry_id::text) AS reversed_by_entry_id
FROM readable_reversals
WHERE partition_id = ANY(%(partition_ids)s) AND tenant_id = %(tenant_id)s
  AND reverses_entry_id = %(journal_entry_id)s;
