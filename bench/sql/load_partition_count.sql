-- How the ledger is cut.
-- Parameters: none. Result: one row (partition_count). Locks: none.
SELECT partition_count FROM hpts_edge.ledger_settings
