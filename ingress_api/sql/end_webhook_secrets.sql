-- Let an endpoint's present secret end in some hours, and those before it now.
-- Parameters: endpoint_id, tenant_id, hours. Result: one row: when the present one ends.
-- Locks: the rows.
WITH ended AS (
    UPDATE webhook_secrets
    SET valid_until = CASE WHEN valid_until IS NULL
                           THEN clock_timestamp() + make_interval(hours => %(hours)s)
                           ELSE least(valid_until, clock_timestamp()) END
    WHERE tenant_id = %(tenant_id)s AND endpoint_id = %(endpoint_id)s
    RETURNING valid_until
)
SELECT max(valid_until) AS valid_until FROM ended;
