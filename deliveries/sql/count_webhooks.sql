-- What endpoints have still to be told, since when at most, and how many are told nothing any more.
-- Parameters: none. Result: one row. Locks: none.
SELECT d.pending_count, d.oldest_s,
       (SELECT count(*) FROM webhook_endpoints WHERE status = 'disabled') AS disabled_count
FROM (
    SELECT count(*) AS pending_count,
           coalesce(extract(epoch FROM clock_timestamp() - min(queued_at)), 0)::float8 AS oldest_s
    FROM webhook_deliveries
    WHERE status = 'pending'
) AS d;
