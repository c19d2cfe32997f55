-- How many endpoints the tenant with the most of them has. Parameters: none.
-- Result: (most), zero where nobody listens. Locks: none.
SELECT coalesce(max(n), 0) AS most
FROM (SELECT count(*) AS n FROM webhook_endpoints WHERE status = 'enabled' GROUP BY tenant_id) AS c;
