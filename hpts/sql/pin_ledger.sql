-- Pin the ledger to its topics. The partition count, the group and the commands topic stay as
-- they were pinned first; announcements may move to another topic, and the schema goes forward.
-- Parameters: partition_count, group_id, commands_topic_id, outcomes_topic_id.
-- Result: none. Locks: the row.
INSERT INTO hpts_edge.ledger_settings AS pinned
    (partition_count, group_id, commands_topic_id, outcomes_topic_id, schema_version)
SELECT %(partition_count)s, %(group_id)s, %(commands_topic_id)s, %(outcomes_topic_id)s,
       max(left(name, 4)::integer)
FROM hpts_edge.migrations
ON CONFLICT (only_row) DO UPDATE
SET outcomes_topic_id = excluded.outcomes_topic_id, schema_version = excluded.schema_version
WHERE (pinned.outcomes_topic_id, pinned.schema_version)
    IS DISTINCT FROM (excluded.outcomes_topic_id, excluded.schema_version);
