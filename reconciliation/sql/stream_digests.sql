-- 60 bits over each entry of a run of a partition's journal and its lines, as `tallies.digest_of`
-- makes them of an event. A line whose entry is missing counts as an entry, too.
-- Parameters: partition_id, first_seq, last_seq. Result: (entry_seq, digest) in order of entry_seq.
-- Locks: none.
SELECT coalesce(e.entry_seq, l.entry_seq) AS entry_seq,
       ('x' || left(encode(sha256(convert_to(
           concat_ws('|', e.entry_seq, e.tenant_id, e.journal_entry_id, e.part, e.event_type,
                     e.event_id, e.effective_on, e.booked_on,
                     (extract(epoch FROM e.posted_at) * 1000000)::bigint, e.correlation_id,
                     coalesce(e.reverses_entry_id::text, ''), e.command_offset,
                     encode(e.entry_hash, 'hex'))
           || coalesce(l.words, ''), 'UTF8')), 'hex'), 15))::bit(60)::bigint AS digest
FROM (
    SELECT * FROM journal_entries
    WHERE partition_id = %(partition_id)s AND entry_seq BETWEEN %(first_seq)s AND %(last_seq)s
) AS e
FULL JOIN (
    SELECT entry_seq,
           string_agg(E'\n' || concat_ws('|', sequence, account_code, direction, amount_minor,
                                         currency, layer, coalesce(loan_id::text, ''),
                                         coalesce(borrower_id::text, ''), effective_on,
                                         coalesce(external_ref, '')),
                      '' ORDER BY sequence) AS words
    FROM journal_lines
    WHERE partition_id = %(partition_id)s AND entry_seq BETWEEN %(first_seq)s AND %(last_seq)s
    GROUP BY entry_seq
) AS l ON l.entry_seq = e.entry_seq
ORDER BY 1;
