-- What was pinned when the ledger was made.
-- Parameters: none. Result: at most one row. Locks: none.
SELECT partition_count, commands_topic_id FROM hpts_edge.ledger_settings;
