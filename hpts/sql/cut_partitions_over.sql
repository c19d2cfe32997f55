-- Let every partition go on from a new topic: the old log's end is its base, and its seal takes the
-- place of the last applied record as a witness. Whoever holds a lease is fenced.
-- Parameters: topic_id. Result: none. Locks: the partitions' rows.
UPDATE hpts.partitions
SET topic_id = %(topic_id)s, base_offset = next_offset, last_record_hash = NULL,
    lease_epoch = lease_epoch + 1, lease_owner = NULL, halted_because = NULL;
