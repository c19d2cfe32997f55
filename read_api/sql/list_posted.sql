-- What a tenant has posted behind a place in each partition.
-- Parameters: tenant_id; partition_ids and after_seqs (in step); most (of each partition).
-- Result: (posted_at, partition_id, entry_seq). Locks: none.
SELECT e.posted_at, e.partition_id, e.entry_seq
FROM unnest(%(partition_ids)s::smallint[], %(after_seqs)s::bigint[]) AS p (partition_id, after_seq)
CROSS JOIN LATERAL (
    SELECT x.posted_at, x.partition_id, x.entry_seq
    FROM readable_entries AS x
    WHERE x.partition_id = p.partition_id AND x.tenant_id = %(tenant_id)s
      AND x.entry_seq > p.after_seq
    ORDER BY x.entry_seq
    LIMIT %(most)s
) AS e;
