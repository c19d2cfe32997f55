-- Reserve the keys that the search path's books know and nobody has reserved: what a retry finds.
-- A command's id says when it was accepted (48 bits of milliseconds) and for which partition (12
-- bits); a batch's parts have its command id as their correlation id, and its key before the "/".
-- A batch of which a part is neither known nor still to be sent keeps its key free: nobody but its
-- client has that part, and who sends the batch again goes on with the parts that are there.
-- Parameters: command_types, scopes (arrays, one beside the other). Result: one row, how many.
-- Locks: the new rows.
WITH known AS (
    SELECT partition_id, tenant_id, idempotency_key, split_part(idempotency_key, '/', 1) AS request_key,
           command_id, correlation_id, command_type, fingerprint, chunks_total, posted_at
    FROM command_outcomes
    UNION ALL
    SELECT partition_id, tenant_id, idempotency_key, split_part(idempotency_key, '/', 1),
           command_id, correlation_id, command_type, fingerprint, NULL, quarantined_at
    FROM quarantined_commands
    WHERE NOT is_share
), asked AS (
    SELECT *, idempotency_key <> request_key AS is_part
    FROM known
    WHERE idempotency_key = request_key OR command_type IN ('AccrualChunk', 'Reversal')
), whole AS (
    SELECT tenant_id, request_key
    FROM (
        SELECT tenant_id, request_key, chunks_total FROM asked WHERE is_part
        UNION ALL
        SELECT tenant_id, split_part(idempotency_key, '/', 1), NULL
        FROM outgoing_commands WHERE kind = 'chunk'
    ) AS parts
    GROUP BY tenant_id, request_key
    HAVING count(*) = max(chunks_total)
), filled AS (
    INSERT INTO idempotency_reservations (
        tenant_id, idempotency_key, command_id, fingerprint, partition_id, required_scope,
        accepted_at, sent_at, taken_over)
    SELECT DISTINCT ON (a.tenant_id, a.request_key)
           a.tenant_id, a.request_key, i.id, a.fingerprint,
           (get_byte(i.b, 6) & 15) * 256 + get_byte(i.b, 7), u.scope,
           to_timestamp(0) + i.ms * interval '1 millisecond', a.posted_at, true
    FROM asked AS a
    LEFT JOIN whole AS w USING (tenant_id, request_key)
    JOIN unnest(%(command_types)s::text[], %(scopes)s::text[]) AS u (command_type, scope)
        USING (command_type)
    CROSS JOIN LATERAL (
        SELECT CASE WHEN a.is_part THEN a.correlation_id ELSE a.command_id END AS id
    ) AS c
    CROSS JOIN LATERAL (
        SELECT c.id, uuid_send(c.id) AS b,
               ('x0000' || substr(replace(c.id::text, '-', ''), 1, 12))::bit(64)::bigint AS ms
    ) AS i
    WHERE NOT a.is_part OR w.request_key IS NOT NULL
    ORDER BY a.tenant_id, a.request_key, a.posted_at, a.partition_id
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM filled;
