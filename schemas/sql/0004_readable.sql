-- schema: hpts
-- The reader's public surface. Invoker rights: row-level security of the tables below applies.

CREATE VIEW readable_partitions WITH (security_invoker = true) AS
SELECT partition_id, next_offset, reached_at, last_entry_seq, halted_because
FROM partitions;

CREATE VIEW readable_loans WITH (security_invoker = true) AS
SELECT partition_id, tenant_id, loan_id, borrower_id, currency, status, opened_on,
       principal_minor, interest_minor, fees_minor, suspense_minor, unsettled_minor,
       principal_minor + interest_minor + fees_minor AS total_exposure_minor,
       accrued_through, quarantined, last_activity_at
FROM loans;

CREATE VIEW readable_entries WITH (security_invoker = true) AS
SELECT partition_id, entry_seq, tenant_id, journal_entry_id, part, event_type, event_id,
       effective_on, booked_on, posted_at, correlation_id, reverses_entry_id, actor, description, metadata
FROM journal_entries;

CREATE VIEW readable_lines WITH (security_invoker = true) AS
SELECT partition_id, entry_seq, sequence, tenant_id, account_code, direction, amount_minor,
       currency, layer, loan_id, borrower_id, external_ref, effective_on
FROM journal_lines;

CREATE VIEW readable_account_days WITH (security_invoker = true) AS
SELECT partition_id, tenant_id, account_code, currency, layer, booked_on, posted_on, debit_minor, credit_minor
FROM account_days;

CREATE VIEW readable_reversals WITH (security_invoker = true) AS
SELECT partition_id, tenant_id, reverses_entry_id, part, loan_id, reversed_by_entry_id
FROM reversal_targets;

GRANT SELECT ON readable_partitions, readable_loans, readable_entries, readable_lines,
    readable_account_days, readable_reversals TO hpts_reader;
