-- How many lines the journal has.
-- Parameters: none. Result: one row. Locks: none.
SELECT count(*) FROM hpts.journal_lines;
