-- The manifest of a batch by its event id, or of the batches that may own an entry: the ids of
-- one batch share their first 64 bits. Parameters: tenant_id, first_id, last_id.
-- Result: a row a batch. Locks: none.
SELECT accrual_event_id, command_id, journal_entry_id, program_id, accrued_on, currency,
       chunks_total, loans_total, interest_total_minor, accepted_at
FROM accrual_batches
WHERE tenant_id = %(tenant_id)s AND accrual_event_id BETWEEN %(first_id)s AND %(last_id)s;
