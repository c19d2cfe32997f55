-- One page of a tenant's quarantined commands, in the order of each partition's log.
-- Parameters: partition_ids, tenant_id, loan_id (NULL: any), from_partition, from_offset,
-- from_loan_id, most. Result: a row a command and loan. Locks: none.
SELECT q.*
FROM unnest(%(partition_ids)s::smallint[]) AS p (partition_id)
CROSS JOIN LATERAL (
    SELECT x.partition_id, x.loan_id, x.command_offset, x.idempotency_key, x.command_id,
           x.correlation_id, x.command_type, x.is_share, x.reason, x.appended_at, x.quarantined_at
    FROM readable_quarantined_commands AS x
    WHERE x.partition_id = p.partition_id AND x.tenant_id = %(tenant_id)s
      AND (%(loan_id)s::uuid IS NULL OR x.loan_id = %(loan_id)s)
      AND (x.partition_id > %(from_partition)s
           OR (x.command_offset, x.loan_id) >= (%(from_offset)s, %(from_loan_id)s::uuid))
    ORDER BY x.command_offset, x.loan_id
    LIMIT %(most)s
) AS q
WHERE p.partition_id >= %(from_partition)s
ORDER BY q.partition_id, q.command_offset, q.loan_id
LIMIT %(most)s;
