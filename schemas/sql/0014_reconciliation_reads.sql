-- schema: hpts
-- What reconciliation reads of the books. It writes nothing of them.

GRANT SELECT ON journal_entries, journal_lines, account_days TO hpts_reconciliation;
GRANT SELECT (partition_id, tenant_id, loan_id, currency, principal_minor, interest_minor,
              fees_minor, suspense_minor, unsettled_minor) ON loans TO hpts_reconciliation;
GRANT SELECT (partition_id, last_entry_seq, reached_at) ON partitions TO hpts_reconciliation;
GRANT SELECT (partition_id, tenant_id, idempotency_key, command_id, status)
    ON command_outcomes TO hpts_reconciliation;
