-- How the ledger is cut into partitions. Parameters: none. Result: one row. Locks: none.
SELECT partition_count FROM ledger_settings;
