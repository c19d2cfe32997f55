-- How every partition fares.
-- Parameters: none. Result: partition_id, lease_owner, reached_at, halted_because. Locks: none.
SELECT partition_id, lease_owner, reached_at, halted_because
FROM hpts.partitions ORDER BY partition_id;
