-- Entries and posted outcomes that do not belong together one to one: by the record that both name,
-- with the same tenant, instant and request, and the entry's id in the outcome's result.
-- Parameters: none. Result: one row a fault. Locks: none.
WITH posted AS (
    SELECT partition_id, command_offset, tenant_id, posted_at, correlation_id, command_id,
           idempotency_key, result ->> 'journal_entry_id' AS told_id
    FROM command_outcomes
    WHERE status = 'posted'
)
SELECT coalesce(e.partition_id, o.partition_id) AS partition_id,
       coalesce(e.tenant_id, o.tenant_id) AS tenant_id, e.entry_seq, o.command_id,
       CASE
           WHEN o.command_id IS NULL THEN
               format('no posted outcome of the record at offset %%s', e.command_offset)
           WHEN e.entry_seq IS NULL THEN
               format('it names entry %%s, and offset %%s brought none', o.told_id, o.command_offset)
           ELSE 'entry and outcome differ in tenant, instant, request or entry id'
       END AS told
FROM (SELECT * FROM posted WHERE told_id IS NOT NULL) AS o
FULL JOIN journal_entries AS e
    ON e.partition_id = o.partition_id AND e.command_offset = o.command_offset
WHERE o.command_id IS NULL OR e.entry_seq IS NULL OR e.tenant_id <> o.tenant_id
   OR e.posted_at <> o.posted_at OR e.correlation_id <> o.correlation_id
   OR e.journal_entry_id::text <> o.told_id;
