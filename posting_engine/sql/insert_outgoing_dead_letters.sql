-- Queue messages for the dead letters topic, in the transaction that records what they tell.
-- Parameters: arrays, one element a message, in order. Result: none. Locks: none but the new rows.
INSERT INTO outgoing_dead_letters (partition_id, record_key, record_value)
SELECT partition_id, record_key, record_value
FROM unnest(%(partition_id)b::smallint[], %(record_key)b::bytea[], %(record_value)b::bytea[])
    WITH ORDINALITY AS u (partition_id, record_key, record_value, place)
ORDER BY place;
