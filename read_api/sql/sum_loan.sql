-- A loan from its lines: what was known of it at an instant, as of an effective date.
-- Parameters: partition_id, tenant_id, loan_id, known_at, as_of, the
-- account codes principal, interest, fees, suspense, unsettled.
-- Result: one row, or none where nothing was known of the loan. last_activity_at is NULL where
-- nothing was effective yet. standing_types: of what was not reversed; a refinance with its
-- part, /0 of the old loan and /1 of the new. Locks: none.
WITH known AS MATERIALIZED (
    SELECT l.entry_seq, l.sequence, l.account_code, l.currency, l.borrower_id, l.effective_on,
           CASE l.direction WHEN 'DR' THEN l.amount_minor ELSE -l.amount_minor END AS debit_minor,
           l.layer, e.posted_at, e.journal_entry_id, e.event_type, e.part, e.reverses_entry_id
    FROM readable_lines AS l
    JOIN readable_entries AS e USING (partition_id, entry_seq, tenant_id)
    WHERE l.partition_id = %(partition_id)s AND l.tenant_id = %(tenant_id)s
      AND l.loan_id = %(loan_id)s AND e.posted_at <= %(known_at)s
), latest AS (
    SELECT currency, borrower_id
    FROM known
    ORDER BY effective_on <= %(as_of)s DESC, entry_seq DESC, sequence DESC
    LIMIT 1
), effective AS (
    SELECT k.* FROM known AS k JOIN latest USING (currency)
    WHERE k.effective_on <= %(as_of)s
), standing AS (
    SELECT DISTINCT k.event_type || CASE k.event_type WHEN 'refinance' THEN '/' || k.part ELSE '' END
        AS event_type
    FROM effective AS k
    WHERE NOT EXISTS (
        SELECT FROM effective AS r WHERE r.reverses_entry_id = k.journal_entry_id
    )
), settled AS (
    SELECT posted_at, CASE layer WHEN 'SETTLED' THEN account_code END AS account_code, debit_minor
    FROM effective
)
SELECT latest.currency, latest.borrower_id,
       coalesce(sum(debit_minor) FILTER (WHERE account_code = %(principal)s), 0) AS principal_minor,
       coalesce(sum(debit_minor) FILTER (WHERE account_code = %(interest)s), 0) AS interest_minor,
       coalesce(sum(debit_minor) FILTER (WHERE account_code = %(fees)s), 0) AS fees_minor,
       coalesce(-sum(debit_minor) FILTER (WHERE account_code = %(suspense)s), 0) AS suspense_minor,
       coalesce(-sum(debit_minor) FILTER (WHERE account_code = %(unsettled)s), 0)
           AS unsettled_minor,
       max(posted_at) AS last_activity_at,
       ARRAY(SELECT event_type FROM standing ORDER BY event_type) AS standing_types
FROM latest
LEFT JOIN settled ON true
GROUP BY latest.currency, latest.borrower_id;
