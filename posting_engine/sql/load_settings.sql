-- The ledger this database belongs to.
-- Parameters: none. Result: one row, or none before `hpts migrate`. Locks: none.
SELECT partition_count, group_id, commands_topic_id FROM ledger_settings;
