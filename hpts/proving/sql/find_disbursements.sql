-- Disbursements that are not what their entry and its settlements say, and entries that lend without
-- one: amount, loan, date, place and event of the entry; settled the sum of the settlements that stand;
-- reversed if its entry is.
-- Parameters: none. Result: one row a fault. Locks: none.
WITH reversed AS (
    SELECT DISTINCT partition_id, reverses_entry_id AS journal_entry_id, part FROM reversal_targets
),
lent AS (
    SELECT e.partition_id, e.tenant_id, e.entry_seq, e.journal_entry_id, e.part, e.event_type,
           e.event_id AS own_event_id, e.effective_on, j.loan_id, sum(j.amount_minor) AS amount_minor,
           r.partition_id IS NOT NULL AS reversed
    FROM journal_entries AS e
    JOIN journal_lines AS j USING (partition_id, entry_seq)
    LEFT JOIN reversed AS r USING (partition_id, journal_entry_id, part)
    WHERE (e.event_type = 'disbursement' OR (e.event_type = 'refinance' AND e.part = 1))
        AND j.account_code = '2000' AND j.direction = 'CR'
    GROUP BY e.partition_id, e.entry_seq, j.loan_id, r.partition_id
),
settled AS (
    SELECT k.partition_id, k.tenant_id, k.event_id, sum(j.amount_minor) AS settled_minor
    FROM disbursement_entries AS k
    JOIN journal_entries AS e USING (partition_id, journal_entry_id)
    JOIN journal_lines AS j USING (partition_id, entry_seq)
    LEFT JOIN reversed AS r USING (partition_id, journal_entry_id, part)
    WHERE e.event_type = 'disbursement_settled' AND j.direction = 'DR' AND r.partition_id IS NULL
    GROUP BY 1, 2, 3
)
SELECT partition_id, tenant_id, coalesce(l.entry_seq, d.entry_seq) AS entry_seq,
       coalesce(d.loan_id, l.loan_id) AS loan_id,
       CASE
           WHEN d.event_id IS NULL THEN 'it lends, and there is no disbursement of it'
           WHEN l.entry_seq IS NULL THEN format('no entry lends disbursement %%s', d.event_id)
           WHEN d.settled_minor <> coalesce(s.settled_minor, 0) THEN
               format('disbursement %%s is settled by %%s, and its settlements by %%s', d.event_id,
                      d.settled_minor, coalesce(s.settled_minor, 0))
           ELSE format('disbursement %%s differs from the entry that lends it', d.event_id)
       END AS told
FROM disbursements AS d
FULL JOIN lent AS l USING (partition_id, tenant_id, journal_entry_id)
LEFT JOIN settled AS s USING (partition_id, tenant_id, event_id)
WHERE d.event_id IS NULL OR l.entry_seq IS NULL OR d.entry_seq <> l.entry_seq
   OR d.loan_id <> l.loan_id OR d.amount_minor <> l.amount_minor
   OR d.effective_on <> l.effective_on OR d.reversed <> l.reversed
   OR (l.event_type = 'disbursement' AND d.event_id <> l.own_event_id)
   OR (l.event_type = 'refinance' AND NOT EXISTS (
       SELECT FROM disbursement_entries AS k
       WHERE k.partition_id = l.partition_id AND k.journal_entry_id = l.journal_entry_id
           AND k.event_id = d.event_id))
   OR d.settled_minor <> coalesce(s.settled_minor, 0);
