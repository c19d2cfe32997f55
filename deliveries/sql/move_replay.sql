-- How far a replay is. Parameters: replay_id, next_seqs, through_seqs, is_finished.
-- Result: none. Locks: the row, which the transaction has.
UPDATE webhook_replays
SET next_seqs = %(next_seqs)s, through_seqs = %(through_seqs)s,
    finished_at = CASE WHEN %(is_finished)s THEN clock_timestamp() END
WHERE replay_id = %(replay_id)s::uuid;
