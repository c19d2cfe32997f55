-- Reserve the keys that the search path's books know and nobody has reserved: what a retry finds.
-- A command's id says when it was accepted (48 bits of milliseconds) and for which partition (12
-- bits); a batch's parts have its command id as their correlation id, and its key before the "/".
-- Parameters: command_types, scopes (arrays, one beside the other). Result: one row, how many.
-- Locks: the new rows.
WITH known AS (
    SELECT partition_id, tenant_id, idempotency_key, command_id, correlation_id, command_type,
           fingerprint, posted_at
    FROM command_outcomes
    UNION ALL
    SELECT partition_id, tenant_id, idempotency_key, command_id, correlation_id, command_type,
           fingerprint, quarantined_at
    FROM quarantined_commands
    WHERE NOT is_share
), asked AS (
    SELECT tenant_id, split_part(idempotency_key, '/', 1) AS idempotency_key,
           CASE WHEN strpos(idempotency_key, '/') = 0 THEN command_id ELSE correlation_id END AS command_id,
           command_type, fingerprint, posted_at, partition_id
    FROM known
    WHERE strpos(idempotency_key, '/') = 0 OR command_type IN ('AccrualChunk', 'Reversal')
), filled AS (
    INSERT INTO idempotency_reservations (
        tenant_id, idempotency_key, command_id, fingerprint, partition_id, required_scope,
        accepted_at, sent_at, taken_over)
    SELECT DISTINCT ON (a.tenant_id, a.idempotency_key)
           a.tenant_id, a.idempotency_key, a.command_id, a.fingerprint,
           (get_byte(i.b, 6) & 15) * 256 + get_byte(i.b, 7), u.scope,
           to_timestamp(0) + i.ms * interval '1 millisecond', a.posted_at, true
    FROM asked AS a
    JOIN unnest(%(command_types)s::text[], %(scopes)s::text[]) AS u (command_type, scope)
        USING (command_type)
    CROSS JOIN LATERAL (
        SELECT uuid_send(a.command_id) AS b,
               ('x0000' || substr(replace(a.command_id::text, '-', ''), 1, 12))::bit(64)::bigint AS ms
    ) AS i
    ORDER BY a.tenant_id, a.idempotency_key, a.posted_at, a.partition_id
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM filled;
