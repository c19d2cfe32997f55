-- A position at the log's beginning for each partition that has none.
-- Parameters: partition_count, topic_id. Result: none. Locks: the new rows.
INSERT INTO hpts.partitions (partition_id, topic_id)
SELECT partition_id, %(topic_id)s
FROM generate_series(0, %(partition_count)s::integer - 1) AS partition_id
ON CONFLICT (partition_id) DO NOTHING;
