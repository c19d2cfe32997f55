-- Entries whose lines do not balance per currency and layer; there must be none.
-- Parameters: none. Result: one row an entry at fault. Locks: none.
SELECT partition_id, entry_seq, currency, layer
FROM hpts.journal_lines
GROUP BY partition_id, entry_seq, currency, layer
HAVING sum(CASE direction WHEN 'DR' THEN amount_minor ELSE -amount_minor END) <> 0
LIMIT 20
