-- The closes of the tenant's books that cover some months, and when each partition applied them:
-- in each partition as many as there are months, from the first that covers the first of them on.
-- Parameters: partition_ids, tenant_id, first_ends_on (the first month's last day), most (how many
-- months).
-- Result: a row a partition and close, ascending. Locks: none.
SELECT c.*
FROM unnest(%(partition_ids)s::smallint[]) AS p (partition_id)
CROSS JOIN LATERAL (
    SELECT x.partition_id, x.closed_through, x.closed_at
    FROM readable_period_closes AS x
    WHERE x.partition_id = p.partition_id AND x.tenant_id = %(tenant_id)s
      AND x.closed_through >= %(first_ends_on)s
    ORDER BY x.closed_through
    LIMIT %(most)s
) AS c
ORDER BY c.partition_id, c.closed_through;
