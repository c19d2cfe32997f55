-- Each entry of a loan that was known at an instant, and what it did to the loan's sub-balances.
-- Parameters: partition_id, tenant_id, loan_id, known_at, the codes of the accounts that are kept
-- for each loan (account_codes).
-- Result: a row an entry, as posted: nets_minor has debits less credits of those accounts,
-- zeros left out. Locks: none.
SELECT e.entry_seq, e.journal_entry_id, e.event_type, e.part, e.reverses_entry_id,
       array_agg(l.net_minor) FILTER (WHERE l.net_minor <> 0) AS nets_minor,
       array_agg(l.account_code) FILTER (WHERE l.net_minor <> 0) AS account_codes
FROM (
    SELECT x.partition_id, x.tenant_id, x.entry_seq, x.account_code,
           sum(CASE x.direction WHEN 'DR' THEN x.amount_minor ELSE -x.amount_minor END)
               FILTER (WHERE x.layer = 'SETTLED' AND x.account_code = ANY(%(account_codes)s))
               AS net_minor
    FROM readable_lines AS x
    WHERE x.partition_id = %(partition_id)s AND x.tenant_id = %(tenant_id)s
      AND x.loan_id = %(loan_id)s
    GROUP BY x.partition_id, x.tenant_id, x.entry_seq, x.account_code
) AS l
JOIN readable_entries AS e USING (partition_id, entry_seq, tenant_id)
WHERE e.posted_at <= %(known_at)s
GROUP BY e.partition_id, e.entry_seq, e.journal_entry_id, e.event_type, e.part,
         e.reverses_entry_id
ORDER BY e.entry_seq;
