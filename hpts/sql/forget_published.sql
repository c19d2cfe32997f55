-- Forget the messages that the dead letters topic has.
-- Parameters: published (bytea[]). Result: none. Locks: their rows.
DELETE FROM outgoing_dead_letters WHERE record_value = ANY(%(published)s::bytea[]);
