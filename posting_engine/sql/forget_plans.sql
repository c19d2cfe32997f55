-- Plan every statement anew at its next use: a plan made while a table was empty may choose an
-- index that serves an empty table just as well.
-- Parameters: none. Result: none. Locks: none.
DISCARD PLANS;
