-- Outcomes that no engine writes: at or behind the position; with a result of the other status; with
-- ids that do not derive from tenant, key and partition as schemas/ids.py says; of an accrual that
-- the result does not name; resumed by a record that resumed or rejected nothing.
-- Parameters: none. Result: one row a fault. Locks: none.
SELECT o.partition_id, o.tenant_id, o.command_id,
       format('key %%s, offset %%s, %%s', o.idempotency_key, o.command_offset, o.status) AS told
FROM command_outcomes AS o
JOIN partitions AS p USING (partition_id)
CROSS JOIN LATERAL (
    SELECT uuid_send(o.command_id) AS command, uuid_send(o.correlation_id) AS request,
           uuid_send(o.tenant_id) AS tenant, '\x00'::bytea || convert_to('command', 'UTF8') AS kind
) AS i
CROSS JOIN LATERAL (
    SELECT sha256(tenant || convert_to(o.idempotency_key, 'UTF8') || kind) AS own,
           CASE WHEN strpos(o.idempotency_key, '/') > 0 THEN
               sha256(tenant || convert_to(split_part(o.idempotency_key, '/', 1), 'UTF8') || kind)
           END AS root
) AS d
CROSS JOIN LATERAL (
    SELECT set_byte(substring(own FOR 8), 0, get_byte(own, 0) & 63 | 128) AS own_end,
           set_byte(substring(root FOR 8), 0, get_byte(root, 0) & 63 | 128) AS root_end,
           set_byte(set_byte('\x0000', 0, 128 | (o.partition_id >> 8)),
                    1, o.partition_id & 255) AS here
) AS e
WHERE o.command_offset NOT BETWEEN 0 AND p.next_offset - 1
   OR coalesce(o.resumed_offset, o.command_offset) NOT BETWEEN o.command_offset AND p.next_offset - 1
   OR (o.resumed_offset IS NOT NULL AND (o.partition_id, o.resumed_offset) NOT IN (
       SELECT r.partition_id, r.command_offset
       FROM command_outcomes AS r
       WHERE r.command_type IN ('QuarantineResume', 'QuarantineReject') AND r.status = 'posted'))
   OR (o.status = 'posted') <> (o.result ->> 'code' IS NULL)
   OR (o.accrual_event_id IS NOT NULL
       AND o.accrual_event_id::text IS DISTINCT FROM o.result ->> 'accrual_event_id')
   OR substring(command FOR 6) <> substring(request FOR 6)
   OR substring(command FROM 7 FOR 2) NOT IN (here, '\x8fff')
   OR substring(request FROM 7 FOR 2) NOT IN (here, '\x8fff')
   OR NOT (substring(command FROM 9) = own_end OR coalesce(substring(command FROM 9) = root_end, false))
   OR NOT (substring(request FROM 9) = own_end OR coalesce(substring(request FROM 9) = root_end, false));
