-- How the ledger is cut into partitions, and which log it follows.
-- Parameters: none. Result: one row. Locks: none.
SELECT partition_count, commands_topic_id FROM ledger_settings;
