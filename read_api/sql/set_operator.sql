-- Names an operator to row-level security, for this transaction only.
-- Parameters: none. Result: one row, of no use. Locks: none.
SELECT set_config('hpts.operator', 'true', true);
