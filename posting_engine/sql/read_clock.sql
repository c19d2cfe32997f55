-- What time it is. The engine's own machine may be wrong by a day, and nothing may depend on it.
-- Parameters: none. Result: one row (now). Locks: none.
SELECT clock_timestamp() AS now;
