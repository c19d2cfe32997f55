-- Which engine holds how many partitions.
-- Parameters: none. Result: (lease_owner, count). Locks: none.
SELECT lease_owner, count(*) FROM hpts.partitions GROUP BY 1
