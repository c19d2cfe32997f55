-- How many partitions stand still although they should not: leased to none of these processes.
-- Parameters: owners (prefixes of lease_owner, text[]). Result: one row (unserved, total).
-- Locks: none.
SELECT count(*) FILTER (WHERE halted_because IS NULL AND NOT EXISTS (
           SELECT FROM unnest(%(owners)s::text[]) AS owner WHERE starts_with(lease_owner, owner)
       )) AS unserved,
       count(*) AS total
FROM hpts.partitions
