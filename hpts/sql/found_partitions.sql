-- A position at the log's beginning for each partition, in the schema of the search path.
-- Parameters: topic_id; bases, where the topic's partitions begin. Result: none. Locks: the new rows.
INSERT INTO partitions (partition_id, topic_id, base_offset)
SELECT place - 1, %(topic_id)s, base_offset
FROM unnest(%(bases)s::bigint[]) WITH ORDINALITY AS topic (base_offset, place);
