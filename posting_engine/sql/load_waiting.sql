-- What waits for the loans of a quarantined command, for its resolution; oldest first.
-- Parameters: partition_id, tenant_id, command_id, loan_id (NULL: all of its loans), most.
-- Result: one row a command, with how many wait for its loan in all. Locks: none.
SELECT q.partition_id, q.tenant_id, q.loan_id, q.command_offset, q.command_id, q.command_type,
       q.is_share, q.appended_at, q.record_key, q.record_value, q.record_headers,
       count(*) OVER (PARTITION BY q.loan_id) AS loan_count
FROM quarantined_commands AS q
WHERE q.partition_id = %(partition_id)b AND q.tenant_id = %(tenant_id)b
    AND q.loan_id IN (
        SELECT n.loan_id FROM quarantined_commands AS n
        WHERE n.partition_id = %(partition_id)b AND n.command_id = %(command_id)b
            AND n.tenant_id = %(tenant_id)b
            AND (%(loan_id)b::uuid IS NULL OR n.loan_id = %(loan_id)b)
    )
ORDER BY q.command_offset, q.loan_id
LIMIT %(most)b;
