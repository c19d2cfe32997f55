-- What waits in quarantine of a command, or of the request whose step it is, in every partition.
-- Parameters: tenant_id, partition_count, command_id. Result: a row a command and loan, in order.
-- Locks: none.
SELECT q.*
FROM generate_series(0, %(partition_count)s - 1) AS p (partition_id)
CROSS JOIN LATERAL (
    SELECT x.partition_id, x.loan_id, x.command_id, x.command_type, x.is_share
    FROM quarantined_commands AS x
    WHERE x.partition_id = p.partition_id AND x.tenant_id = %(tenant_id)s
      AND (x.command_id = %(command_id)s OR x.correlation_id = %(command_id)s)
) AS q
ORDER BY q.partition_id, q.loan_id;
