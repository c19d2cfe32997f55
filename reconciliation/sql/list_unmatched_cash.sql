-- A tenant's lines of account 1000 near days of statements, that no bank has told of yet. There is no
-- index for it: a scan, which the schedule makes seldom where it takes long.
-- Parameters: tenant_id; currencies, first_ons, last_ons (in step); within_days (before and after
-- these: days of Postgres, which go on where Python's end), most. Result: lines, the latest date
-- first. Locks: none.
SELECT l.partition_id, l.entry_seq, l.sequence, e.journal_entry_id, l.effective_on, l.direction,
       l.amount_minor, l.currency, l.external_ref
FROM journal_lines AS l
JOIN journal_entries AS e ON e.partition_id = l.partition_id AND e.entry_seq = l.entry_seq
WHERE l.tenant_id = %(tenant_id)s AND l.account_code = '1000' AND l.layer = 'SETTLED'
  AND EXISTS (
      SELECT FROM unnest(%(currencies)s::text[], %(first_ons)s::date[], %(last_ons)s::date[])
          AS d (currency, first_on, last_on)
      WHERE d.currency = l.currency
        AND l.effective_on BETWEEN d.first_on - %(within_days)s::integer
                               AND d.last_on + %(within_days)s::integer)
  AND NOT EXISTS (
      SELECT FROM bank_statement_lines AS b
      WHERE b.tenant_id = l.tenant_id AND b.matched_partition = l.partition_id
        AND b.matched_entry_seq = l.entry_seq AND b.matched_sequence = l.sequence)
ORDER BY l.effective_on DESC, l.partition_id DESC, l.entry_seq DESC, l.sequence DESC
LIMIT %(most)s;
