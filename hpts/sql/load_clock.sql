-- What time it is here.
-- Parameters: none. Result: one row, one instant. Locks: none.
SELECT clock_timestamp();
