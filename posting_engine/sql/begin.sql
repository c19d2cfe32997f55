-- Begin a transaction, in the round trip of what follows.
-- Parameters: none. Result: none. Locks: none.
BEGIN;
