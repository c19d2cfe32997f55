-- A position at the log's beginning for each partition, in the schema of the search path.
-- Parameters: partition_count, topic_id. Result: none. Locks: the new rows.
INSERT INTO partitions (partition_id, topic_id)
SELECT partition_id, %(topic_id)s
FROM generate_series(0, %(partition_count)s::integer - 1) AS partition_id;
