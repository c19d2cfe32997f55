-- Engines that serve the live books: connected, and a partition of theirs is not halted.
-- Parameters: none. Result: lease_owner of each. Locks: none.
SELECT DISTINCT lease_owner FROM hpts.partitions
WHERE lease_owner IS NOT NULL AND halted_because IS NULL
    AND EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'hpts-posting-engine'
                AND datname = current_database());
