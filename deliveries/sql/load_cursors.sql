-- How far partitions' journals have left. Parameters: name, partition_ids.
-- Result: (partition_id, entry_seq, entry_hash, topic_id) of those that have a cursor. Locks: none.
SELECT partition_id, entry_seq, entry_hash, topic_id
FROM delivery_cursors
WHERE name = %(name)s AND partition_id = ANY (%(partition_ids)s::smallint[]);
