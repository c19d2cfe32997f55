-- Keep the manifest of an accepted batch, for reads until its first outcome.
-- Parameters: the columns. Result: none. Locks: the new row.
INSERT INTO accrual_batches (
    tenant_id, accrual_event_id, command_id, journal_entry_id, program_id, accrued_on, currency,
    chunks_total, loans_total, interest_total_minor, accepted_at)
VALUES (
    %(tenant_id)s, %(accrual_event_id)s, %(command_id)s, %(journal_entry_id)s, %(program_id)s,
    %(accrued_on)s, %(currency)s, %(chunks_total)s, %(loans_total)s, %(interest_total_minor)s,
    %(accepted_at)s);
