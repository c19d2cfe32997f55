-- Lines of some parts of an entry, from a place in the first of them on.
-- Parameters: partition_ids and entry_seqs (arrays of one length), tenant_id, after_sequence
-- (within the first part), most. Result: in order. Locks: none.
SELECT p.partition_id, p.entry_seq, l.*
FROM unnest(%(partition_ids)s::smallint[], %(entry_seqs)s::bigint[]) WITH ORDINALITY
    AS p (partition_id, entry_seq, place)
CROSS JOIN LATERAL (
    SELECT x.sequence, x.account_code, x.direction, x.amount_minor, x.currency, x.layer, x.loan_id,
           x.borrower_id, x.external_ref
    FROM readable_lines AS x
    WHERE x.partition_id = p.partition_id AND x.entry_seq = p.entry_seq
      AND x.tenant_id = %(tenant_id)s
      AND x.sequence > CASE p.place WHEN 1 THEN %(after_sequence)s ELSE 0 END
    ORDER BY x.sequence
    LIMIT %(most)s
) AS l
ORDER BY p.place, l.sequence
LIMIT %(most)s;
