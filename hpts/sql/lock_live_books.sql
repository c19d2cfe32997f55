-- Nobody moves a position of the live books, or queues a command in them, until the end.
-- Parameters: none. Result: none. Locks: both tables, against everybody.
LOCK TABLE hpts.partitions, hpts.outgoing_commands, hpts.outgoing_dead_letters
    IN ACCESS EXCLUSIVE MODE;
