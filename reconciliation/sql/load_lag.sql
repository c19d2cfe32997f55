-- How far each partition's journal goes beyond what has come of it, and how long ago the first entry
-- that has not come was posted. Parameters: partition_ids, seqs (in step; those without one: 0).
-- Result: (partition_id, entries, seconds). Locks: none.
SELECT p.partition_id, greatest(p.last_entry_seq - coalesce(w.seq, 0), 0) AS entries,
       greatest(coalesce(extract(epoch FROM clock_timestamp() - (
           SELECT j.posted_at FROM journal_entries AS j
           WHERE j.partition_id = p.partition_id AND j.entry_seq = coalesce(w.seq, 0) + 1
       )), 0), 0)::float8 AS seconds
FROM partitions AS p
LEFT JOIN unnest(%(partition_ids)s::smallint[], %(seqs)s::bigint[]) AS w (partition_id, seq)
  ON w.partition_id = p.partition_id
ORDER BY p.partition_id;
