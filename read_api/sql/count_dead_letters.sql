-- How many dead letters there are; row-level security shows them to an operator only.
-- Parameters: none. Result: one row. Locks: none.
SELECT count(*) AS dead_letter_count FROM readable_dead_letters;
