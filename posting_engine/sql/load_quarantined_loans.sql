-- Which of these loans stand still.
-- Parameters: partition_ids, tenant_ids, loan_ids. Result: one row a loan that is quarantined.
-- Locks: none.
SELECT u.partition_id, u.tenant_id, u.loan_id
FROM unnest(%(partition_ids)b::smallint[], %(tenant_ids)b::uuid[], %(loan_ids)b::uuid[])
    AS u (partition_id, tenant_id, loan_id)
CROSS JOIN LATERAL (
    SELECT 1 FROM quarantined_commands AS x
    WHERE x.partition_id = u.partition_id AND x.tenant_id = u.tenant_id AND x.loan_id = u.loan_id
    LIMIT 1
) AS q;
