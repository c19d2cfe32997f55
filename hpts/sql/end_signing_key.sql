-- Ends a key, late enough for every process to know before: each reads the ring every 2 seconds,
-- and who signs stops 15 seconds before the end.
-- Parameters: key_id, valid_until (NULL: as soon as can be). Result: one row (valid_until), or none
-- where no such key is in force until then. Locks: the row of the key.
UPDATE hpts_edge.signing_keys
SET valid_until = greatest(%(valid_until)s::timestamptz,
                           clock_timestamp() + interval '20 seconds')
WHERE key_id = %(key_id)s
  AND (valid_until IS NULL
       OR valid_until > greatest(%(valid_until)s::timestamptz,
                                 clock_timestamp() + interval '20 seconds'))
RETURNING valid_until;
