-- Outcomes that no engine writes: at or behind the position; with a result of the other status; of
-- a command id that does not derive from tenant and key (its lowest 62 bits, see schemas/ids.py); a
-- request other than the command's own, of something that is no step; an accrual that its result
-- does not name.
-- Parameters: none. Result: one row a fault. Locks: none.
SELECT o.partition_id, o.tenant_id, o.command_id,
       format('key %%s, offset %%s, %%s', o.idempotency_key, o.command_offset, o.status) AS told
FROM command_outcomes AS o
JOIN partitions AS p USING (partition_id)
CROSS JOIN LATERAL (
    SELECT sha256(uuid_send(o.tenant_id) || convert_to(k.key, 'UTF8') || '\x00'::bytea
                  || convert_to('command', 'UTF8')) AS digest, k.kind
    FROM (VALUES (o.idempotency_key, 'own'), (split_part(o.idempotency_key, '/', 1), 'root'))
        AS k (key, kind)
) AS d
GROUP BY o.partition_id, o.tenant_id, o.idempotency_key, p.next_offset
HAVING o.command_offset >= p.next_offset OR o.command_offset < 0
   OR coalesce(o.resumed_offset, o.command_offset) NOT BETWEEN o.command_offset AND p.next_offset - 1
   OR (o.status = 'posted') <> (o.result ->> 'code' IS NULL)
   OR (o.accrual_event_id IS NOT NULL
       AND o.accrual_event_id::text IS DISTINCT FROM o.result ->> 'accrual_event_id')
   OR NOT bool_or(
       substring(d.digest FROM 2 FOR 7) = substring(uuid_send(o.command_id) FROM 10 FOR 7)
       AND get_byte(d.digest, 0) & 63 = get_byte(uuid_send(o.command_id), 8) & 63)
   OR NOT bool_or(
       substring(d.digest FROM 2 FOR 7) = substring(uuid_send(o.correlation_id) FROM 10 FOR 7)
       AND get_byte(d.digest, 0) & 63 = get_byte(uuid_send(o.correlation_id), 8) & 63);
