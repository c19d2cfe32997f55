-- The first day that anything of the tenant counts for the general ledger.
-- Parameters: partition_ids, tenant_id. Result: one row, NULL where nothing is booked.
-- Locks: none.
SELECT min(d.booked_on) AS first_booked_on
FROM unnest(%(partition_ids)s::smallint[]) AS p (partition_id)
CROSS JOIN LATERAL (
    SELECT min(x.booked_on) AS booked_on
    FROM readable_account_days AS x
    WHERE x.partition_id = p.partition_id AND x.tenant_id = %(tenant_id)s
    OFFSET 0
) AS d;
