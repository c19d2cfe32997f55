-- How many lines of some parts of an entry name a loan.
-- Parameters: partition_ids and entry_seqs (arrays of one length), tenant_id.
-- Result: one row. Locks: none.
SELECT count(*) AS share_count
FROM unnest(%(partition_ids)s::smallint[], %(entry_seqs)s::bigint[]) AS p (partition_id, entry_seq)
CROSS JOIN LATERAL (
    SELECT FROM readable_lines AS x
    WHERE x.partition_id = p.partition_id AND x.entry_seq = p.entry_seq
      AND x.tenant_id = %(tenant_id)s AND x.loan_id IS NOT NULL
    OFFSET 0
) AS l;
