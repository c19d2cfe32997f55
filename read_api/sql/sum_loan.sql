-- A loan from the lines of one of its lives: what was known at an instant, as of an effective date.
-- Parameters: partition_id, tenant_id, loan_id, life_began_seq (0: the first life), known_at,
-- as_of, the account codes principal, interest, fees, suspense, unsettled.
-- Result: one row, or none where nothing was known of the loan. last_activity_at is NULL where
-- nothing was effective yet. standing_types: of what was not reversed; a refinance with its
-- part, /0 of the old loan and /1 of the new, an adjustment that opened the loan with /opening.
-- lives: how often the loan has been opened until now, which never falls. Locks: none.
WITH known AS MATERIALIZED (
    SELECT l.entry_seq, l.sequence, l.account_code, l.currency, l.borrower_id, l.effective_on,
           CASE l.direction WHEN 'DR' THEN l.amount_minor ELSE -l.amount_minor END AS debit_minor,
           l.layer, e.posted_at, e.journal_entry_id, e.event_type, e.part, e.reverses_entry_id
    FROM readable_lines AS l
    JOIN readable_entries AS e USING (partition_id, entry_seq, tenant_id)
    WHERE l.partition_id = %(partition_id)s AND l.tenant_id = %(tenant_id)s
      AND l.loan_id = %(loan_id)s AND l.entry_seq >= %(life_began_seq)s
      AND e.posted_at <= %(known_at)s
), opening AS (
    SELECT entry_seq, currency, borrower_id
    FROM known
    ORDER BY entry_seq, sequence
    LIMIT 1
), effective AS (
    SELECT * FROM known WHERE effective_on <= %(as_of)s
), standing AS (
    SELECT DISTINCT k.event_type || CASE
               WHEN k.event_type = 'refinance' THEN '/' || k.part
               WHEN k.event_type = 'manual_adjustment' AND k.entry_seq = o.entry_seq THEN '/opening'
               ELSE ''
           END AS event_type
    FROM effective AS k
    CROSS JOIN opening AS o
    WHERE NOT EXISTS (
        SELECT FROM effective AS r WHERE r.reverses_entry_id = k.journal_entry_id
    )
), settled AS (
    SELECT posted_at, CASE layer WHEN 'SETTLED' THEN account_code END AS account_code, debit_minor
    FROM effective
)
SELECT opening.currency, opening.borrower_id,
       coalesce(sum(debit_minor) FILTER (WHERE account_code = %(principal)s), 0) AS principal_minor,
       coalesce(sum(debit_minor) FILTER (WHERE account_code = %(interest)s), 0) AS interest_minor,
       coalesce(sum(debit_minor) FILTER (WHERE account_code = %(fees)s), 0) AS fees_minor,
       coalesce(-sum(debit_minor) FILTER (WHERE account_code = %(suspense)s), 0) AS suspense_minor,
       coalesce(-sum(debit_minor) FILTER (WHERE account_code = %(unsettled)s), 0)
           AS unsettled_minor,
       max(posted_at) AS last_activity_at,
       ARRAY(SELECT event_type FROM standing ORDER BY event_type) AS standing_types,
       (SELECT life FROM readable_loans
        WHERE partition_id = %(partition_id)s AND tenant_id = %(tenant_id)s
          AND loan_id = %(loan_id)s) AS lives
FROM opening
LEFT JOIN settled ON true
GROUP BY opening.currency, opening.borrower_id;
