-- Pin the ledger to the topics that it was cut over to.
-- Parameters: commands_topic_id, outcomes_topic_id. Result: none. Locks: the row.
UPDATE hpts_edge.ledger_settings
SET commands_topic_id = %(commands_topic_id)s, outcomes_topic_id = %(outcomes_topic_id)s;
