-- One entry a chunk.
-- Parameters: accrued_on. Result: none. Locks: none.
INSERT INTO bench_limit.journal_entries (
    partition_id, entry_seq, tenant_id, journal_entry_id, part, event_type, event_id,
    effective_on, booked_on, posted_at, correlation_id, actor, metadata, command_offset, entry_hash)
SELECT partition_id, entry_seq, tenant_id, gen_random_uuid(), entry_seq, 'accrual',
    gen_random_uuid(), %(accrued_on)s, %(accrued_on)s, now(), gen_random_uuid(), 'a benchmark',
    '{}', entry_seq, sha256(uuid_send(gen_random_uuid()))
FROM (SELECT DISTINCT partition_id, entry_seq, tenant_id FROM bench_limit.items) AS chunk
