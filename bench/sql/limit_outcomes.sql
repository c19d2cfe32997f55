-- One outcome a chunk.
-- Parameters: none. Result: none. Locks: none.
INSERT INTO bench_limit.command_outcomes (
    partition_id, tenant_id, idempotency_key, command_id, correlation_id, command_type,
    fingerprint, status, result, accrual_event_id, chunks_total, command_offset, posted_at)
SELECT partition_id, tenant_id, 'accrual:limit/' || partition_id || '/' || entry_seq,
    gen_random_uuid(), gen_random_uuid(), 'AccrualChunk', entry_hash, 'posted', '{}', event_id,
    1, entry_seq, posted_at
FROM bench_limit.journal_entries
