-- schema: hpts_edge
-- What does not follow from the log: settings, keys, reservations, batches. A rebuild keeps it.

CREATE TABLE ledger_settings (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    partition_count integer NOT NULL CHECK (partition_count BETWEEN 1 AND 4094),
    group_id text NOT NULL,
    commands_topic_id text NOT NULL,
    outcomes_topic_id text NOT NULL,
    schema_version integer NOT NULL
);
COMMENT ON TABLE ledger_settings IS 'Pinned once when the ledger is made: the partition count and the topics it belongs to.';

CREATE TABLE signing_keys (
    key_id text PRIMARY KEY CHECK (key_id ~ '^[A-Za-z0-9._-]{1,64}$'),
    secret_reference text NOT NULL,
    tenants uuid[],
    valid_from timestamptz NOT NULL,
    valid_until timestamptz
);
COMMENT ON TABLE signing_keys IS 'The key ring. A key is never deleted: old records bear its signature. tenants NULL: every tenant.';

CREATE TABLE tenant_settings (
    tenant_id uuid PRIMARY KEY,
    default_currency text CHECK (default_currency ~ '^[A-Z]{3}$'),
    waterfall_version integer CHECK (waterfall_version > 0)
);
COMMENT ON TABLE tenant_settings IS 'Written by operators, read by ingress at acceptance.';

CREATE TABLE idempotency_reservations (
    tenant_id uuid NOT NULL,
    idempotency_key text NOT NULL,
    command_id uuid NOT NULL,
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    partition_id smallint NOT NULL,
    required_scope text NOT NULL,
    accepted_at timestamptz NOT NULL,
    sent_at timestamptz NOT NULL,
    taken_over boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, idempotency_key)
);
CREATE INDEX idempotency_reservations_command ON idempotency_reservations (tenant_id, command_id);
COMMENT ON TABLE idempotency_reservations IS 'A key, promised to one command before it is produced. partition_id 4095: a command in parts.';

CREATE TABLE accrual_batches (
    tenant_id uuid NOT NULL,
    accrual_event_id uuid NOT NULL,
    command_id uuid NOT NULL,
    journal_entry_id uuid NOT NULL,
    program_id uuid NOT NULL,
    accrued_on date NOT NULL,
    currency text NOT NULL,
    chunks_total integer NOT NULL,
    loans_total bigint NOT NULL,
    interest_total_minor numeric NOT NULL,
    accepted_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, accrual_event_id)
);
COMMENT ON TABLE accrual_batches IS 'The manifest of an accepted batch, for reads until its first outcome.';

GRANT USAGE ON SCHEMA hpts_edge TO hpts_ingress, hpts_engine, hpts_reader, hpts_deliveries, hpts_reconciliation;
GRANT SELECT ON ledger_settings TO hpts_ingress, hpts_engine, hpts_reader, hpts_deliveries, hpts_reconciliation;
GRANT SELECT ON signing_keys TO hpts_ingress, hpts_engine;
GRANT SELECT ON tenant_settings TO hpts_ingress;
GRANT SELECT, INSERT, DELETE ON idempotency_reservations TO hpts_ingress;
GRANT UPDATE (sent_at, taken_over) ON idempotency_reservations TO hpts_ingress;
GRANT SELECT, INSERT ON accrual_batches TO hpts_ingress;
