-- Let an endpoint's present secret end in some hours. Those before it end when it was said that they
-- would: who waits for a lost answer, and asks for another secret, must not lose the one it knows.
-- Of a great many, those of long ago end now.
-- Parameters: endpoint_id, tenant_id, hours, most. Result: one row: when the present one ends.
-- Locks: the rows; the transaction has the endpoint, so there is one present secret.
WITH ended AS (
    UPDATE webhook_secrets AS s
    SET valid_until = CASE WHEN s.valid_until IS NULL
                           THEN clock_timestamp() + make_interval(hours => %(hours)s)
                           ELSE least(s.valid_until, clock_timestamp()) END
    FROM (
        SELECT created_at, row_number() OVER (ORDER BY created_at DESC) AS place
        FROM webhook_secrets
        WHERE tenant_id = %(tenant_id)s AND endpoint_id = %(endpoint_id)s
    ) AS known
    WHERE s.tenant_id = %(tenant_id)s AND s.endpoint_id = %(endpoint_id)s
      AND s.created_at = known.created_at AND (s.valid_until IS NULL OR known.place > %(most)s)
    RETURNING s.valid_until
)
SELECT max(valid_until) AS valid_until FROM ended;
