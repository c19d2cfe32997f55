-- Where the topic that the books follow begins, of partitions that have been applied at all: of
-- others its first record says so.
-- Parameters: none. Result: partition_id, base_offset. Locks: none.
SELECT partition_id::integer, base_offset FROM hpts.partitions WHERE next_offset > 0;
