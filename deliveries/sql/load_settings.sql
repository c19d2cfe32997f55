-- What the ledger was pinned to. Parameters: none.
-- Result: one row, or none where there is no ledger yet. Locks: none.
SELECT partition_count FROM ledger_settings;
