-- The first day that anything of the tenant was booked on or closed through, over all partitions.
-- Of each account, currency and layer only the first day total is looked at: the key is in this
-- order, so the next one is found by stepping over the rest.
-- Parameters: partition_ids, tenant_id. Result: one row, NULL where there is no such day.
-- Locks: none.
WITH RECURSIVE firsts (partition_id, account_code, currency, layer, booked_on) AS (
    SELECT d.*
    FROM unnest(%(partition_ids)s::smallint[]) AS p (partition_id)
    CROSS JOIN LATERAL (
        SELECT x.partition_id, x.account_code, x.currency, x.layer, x.booked_on
        FROM readable_account_days AS x
        WHERE x.partition_id = p.partition_id AND x.tenant_id = %(tenant_id)s
        ORDER BY x.account_code, x.currency, x.layer, x.booked_on
        LIMIT 1
    ) AS d
    UNION ALL
    SELECT d.*
    FROM firsts AS f
    CROSS JOIN LATERAL (
        SELECT x.partition_id, x.account_code, x.currency, x.layer, x.booked_on
        FROM readable_account_days AS x
        WHERE x.partition_id = f.partition_id AND x.tenant_id = %(tenant_id)s
          AND (x.account_code, x.currency, x.layer) > (f.account_code, f.currency, f.layer)
        ORDER BY x.account_code, x.currency, x.layer, x.booked_on
        LIMIT 1
    ) AS d
), closed AS (
    SELECT c.closed_through
    FROM unnest(%(partition_ids)s::smallint[]) AS p (partition_id)
    CROSS JOIN LATERAL (
        SELECT x.closed_through
        FROM readable_period_closes AS x
        WHERE x.partition_id = p.partition_id AND x.tenant_id = %(tenant_id)s
        ORDER BY x.closed_through
        LIMIT 1
    ) AS c
)
SELECT least(
    (SELECT min(booked_on) FROM firsts), (SELECT min(closed_through) FROM closed)
) AS first_day;
