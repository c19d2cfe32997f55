-- Forget the outgoing commands that the log has: those that have an outcome where they were sent,
-- wait there for an operator, or were no command there.
-- Parameters: none. Result: none. Locks: their rows.
DELETE FROM outgoing_commands AS o
WHERE EXISTS (
        SELECT FROM command_outcomes AS c
        WHERE c.partition_id = o.to_partition AND c.tenant_id = o.tenant_id
            AND c.idempotency_key = o.idempotency_key
    )
    OR EXISTS (
        SELECT FROM quarantined_commands AS q
        WHERE q.partition_id = o.to_partition AND q.tenant_id = o.tenant_id
            AND q.idempotency_key = o.idempotency_key AND NOT q.is_share
    )
    OR EXISTS (
        SELECT FROM dead_letters AS d
        WHERE d.partition_id = o.to_partition AND d.record_value = o.record_value
    );
