-- So that nobody pays for what came before.
-- Parameters: none. Result: none. Locks: none.
CHECKPOINT
