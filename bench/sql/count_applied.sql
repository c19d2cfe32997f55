-- How many offsets of the log the live books have applied.
-- Parameters: none. Result: one row. Locks: none.
SELECT sum(next_offset) FROM hpts.partitions;
