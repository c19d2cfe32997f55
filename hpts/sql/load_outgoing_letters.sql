-- Messages for the dead letters topic that the search path's books have not published.
-- Parameters: none. Result: partition_id, outgoing_seq, record_value. Locks: none.
SELECT partition_id::integer, outgoing_seq, record_value FROM outgoing_dead_letters;
