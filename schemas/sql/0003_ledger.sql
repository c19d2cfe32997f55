-- schema: hpts
-- What follows from the log: positions, loans, the journal, outcomes. Every key begins with
-- partition_id, and a posting transaction touches only rows of partitions that its engine holds.

CREATE TABLE partitions (
    partition_id smallint PRIMARY KEY,
    topic_id text NOT NULL,
    next_offset bigint NOT NULL DEFAULT 0,
    last_record_hash bytea,
    lease_epoch bigint NOT NULL DEFAULT 0,
    lease_owner text,
    lease_taken_at timestamptz,
    reached_at timestamptz NOT NULL DEFAULT 'epoch',
    last_appended_at timestamptz NOT NULL DEFAULT 'epoch',
    last_entry_seq bigint NOT NULL DEFAULT 0,
    chain_head bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex') CHECK (length(chain_head) = 32),
    halted_because text
) WITH (fillfactor = 50);
COMMENT ON COLUMN partitions.next_offset IS 'The position in the log: the offset of the next record to apply.';
COMMENT ON COLUMN partitions.reached_at IS 'Everything appended up to this instant has been applied.';
COMMENT ON COLUMN partitions.halted_because IS 'Why the partition stands still, and what to do; NULL while it runs.';

CREATE TABLE loans (
    partition_id smallint NOT NULL,
    tenant_id uuid NOT NULL,
    loan_id uuid NOT NULL,
    borrower_id uuid NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    status text NOT NULL CHECK (status IN ('active', 'paid_off', 'charged_off', 'refinanced', 'cancelled')),
    opened_on date NOT NULL,
    principal_minor bigint NOT NULL CHECK (principal_minor BETWEEN 0 AND 999999999999999),
    interest_minor bigint NOT NULL CHECK (interest_minor BETWEEN 0 AND 999999999999999),
    fees_minor bigint NOT NULL CHECK (fees_minor BETWEEN 0 AND 999999999999999),
    suspense_minor bigint NOT NULL CHECK (suspense_minor BETWEEN 0 AND 999999999999999),
    unsettled_minor bigint NOT NULL CHECK (unsettled_minor BETWEEN 0 AND 999999999999999),
    collected_principal_minor bigint NOT NULL CHECK (collected_principal_minor >= 0),
    collected_interest_minor bigint NOT NULL CHECK (collected_interest_minor >= 0),
    collected_fees_minor bigint NOT NULL CHECK (collected_fees_minor >= 0),
    recovered_minor bigint NOT NULL CHECK (recovered_minor >= 0),
    standing_openings integer NOT NULL CHECK (standing_openings >= 0),
    standing_payments integer NOT NULL CHECK (standing_payments >= 0),
    standing_charge_offs integer NOT NULL CHECK (standing_charge_offs >= 0),
    standing_refinances integer NOT NULL CHECK (standing_refinances >= 0),
    accrued_through date,
    accrued_through_floor date,
    life integer NOT NULL DEFAULT 1,
    life_began_seq bigint NOT NULL DEFAULT 0,
    quarantined boolean NOT NULL DEFAULT false,
    reserved_by uuid,
    version bigint NOT NULL,
    last_activity_at timestamptz NOT NULL,
    PRIMARY KEY (partition_id, tenant_id, loan_id)
) WITH (fillfactor = 60);
COMMENT ON COLUMN loans.life_began_seq IS 'The entry_seq that opened the loan, or opened it anew after a cancellation.';

CREATE TABLE journal_entries (
    partition_id smallint NOT NULL,
    entry_seq bigint NOT NULL,
    tenant_id uuid NOT NULL,
    journal_entry_id uuid NOT NULL,
    part integer NOT NULL,
    event_type text NOT NULL,
    event_id uuid NOT NULL,
    effective_on date NOT NULL,
    booked_on date NOT NULL,
    posted_at timestamptz NOT NULL,
    correlation_id uuid NOT NULL,
    reverses_entry_id uuid,
    reverses_part integer,
    actor text NOT NULL,
    description text,
    metadata json NOT NULL,
    command_offset bigint NOT NULL,
    entry_hash bytea NOT NULL CHECK (length(entry_hash) = 32),
    PRIMARY KEY (partition_id, entry_seq)
);
CREATE UNIQUE INDEX journal_entries_id ON journal_entries (partition_id, journal_entry_id, part);
COMMENT ON COLUMN journal_entries.entry_seq IS 'Without gaps within a partition: the outbox cursor.';

CREATE TABLE journal_lines (
    partition_id smallint NOT NULL,
    entry_seq bigint NOT NULL,
    sequence integer NOT NULL CHECK (sequence > 0),
    tenant_id uuid NOT NULL,
    account_code text NOT NULL CHECK (account_code ~ '^[1-9][0-9]{3}$'),
    direction text NOT NULL CHECK (direction IN ('DR', 'CR')),
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    layer text NOT NULL CHECK (layer IN ('SETTLED', 'PENDING', 'ENCUMBRANCE')),
    loan_id uuid,
    borrower_id uuid,
    external_ref text,
    effective_on date NOT NULL,
    PRIMARY KEY (partition_id, entry_seq, sequence)
);
CREATE INDEX journal_lines_loan ON journal_lines (partition_id, tenant_id, loan_id, effective_on)
    WHERE loan_id IS NOT NULL;

CREATE TABLE account_days (
    partition_id smallint NOT NULL,
    tenant_id uuid NOT NULL,
    account_code text NOT NULL,
    currency text NOT NULL,
    layer text NOT NULL,
    booked_on date NOT NULL,
    posted_on date NOT NULL,
    debit_minor numeric NOT NULL CHECK (debit_minor >= 0),
    credit_minor numeric NOT NULL CHECK (credit_minor >= 0),
    PRIMARY KEY (partition_id, tenant_id, account_code, currency, layer, booked_on, posted_on)
) WITH (fillfactor = 60);

CREATE TABLE command_outcomes (
    partition_id smallint NOT NULL,
    tenant_id uuid NOT NULL,
    idempotency_key text NOT NULL,
    command_id uuid NOT NULL,
    correlation_id uuid NOT NULL,
    command_type text NOT NULL,
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    status text NOT NULL CHECK (status IN ('posted', 'rejected')),
    result json NOT NULL,
    accrual_event_id uuid,
    chunks_total integer,
    command_offset bigint NOT NULL,
    posted_at timestamptz NOT NULL,
    PRIMARY KEY (partition_id, tenant_id, idempotency_key)
);
CREATE INDEX command_outcomes_command ON command_outcomes (partition_id, command_id);
CREATE INDEX command_outcomes_steps ON command_outcomes (partition_id, tenant_id, correlation_id)
    WHERE chunks_total IS NOT NULL;
CREATE INDEX command_outcomes_accrual ON command_outcomes (partition_id, tenant_id, accrual_event_id)
    WHERE accrual_event_id IS NOT NULL;
COMMENT ON COLUMN command_outcomes.posted_at IS 'When the record was applied: its append time, never going back within the partition.';

CREATE TABLE disbursements (
    partition_id smallint NOT NULL,
    tenant_id uuid NOT NULL,
    event_id uuid NOT NULL,
    loan_id uuid NOT NULL,
    journal_entry_id uuid NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    settled_minor bigint NOT NULL DEFAULT 0 CHECK (settled_minor BETWEEN 0 AND amount_minor),
    reversed boolean NOT NULL DEFAULT false,
    PRIMARY KEY (partition_id, tenant_id, event_id)
) WITH (fillfactor = 60);

CREATE TABLE reversal_targets (
    partition_id smallint NOT NULL,
    reverses_entry_id uuid NOT NULL,
    part integer NOT NULL,
    loan_id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    reversed_by_entry_id uuid NOT NULL,
    PRIMARY KEY (partition_id, reverses_entry_id, part, loan_id)
);
COMMENT ON TABLE reversal_targets IS 'What has been reversed. loan_id zero: the whole part; one row a loan for accruals.';

CREATE TABLE outgoing_commands (
    partition_id smallint NOT NULL,
    tenant_id uuid NOT NULL,
    idempotency_key text NOT NULL,
    outgoing_seq bigint GENERATED ALWAYS AS IDENTITY,
    kind text NOT NULL CHECK (kind IN ('chunk', 'follow_up')),
    to_partition smallint NOT NULL,
    record_key bytea NOT NULL,
    record_value bytea NOT NULL,
    reply_partition smallint,
    traceparent text,
    PRIMARY KEY (partition_id, tenant_id, idempotency_key)
);
CREATE INDEX outgoing_commands_order ON outgoing_commands (partition_id, outgoing_seq);
COMMENT ON TABLE outgoing_commands IS 'Commands still to be signed and sent by the engine that holds partition_id.';

CREATE TABLE closed_periods (
    partition_id smallint NOT NULL,
    tenant_id uuid NOT NULL,
    closed_through date NOT NULL,
    PRIMARY KEY (partition_id, tenant_id)
);

CREATE TABLE dead_letters (
    partition_id smallint NOT NULL,
    command_offset bigint NOT NULL,
    appended_at timestamptz NOT NULL,
    reason text NOT NULL,
    record_key bytea,
    record_value bytea,
    record_headers json NOT NULL,
    PRIMARY KEY (partition_id, command_offset)
);

-- Grants: the engine alone writes, and nobody may update or delete history.
GRANT USAGE ON SCHEMA hpts TO hpts_ingress, hpts_engine, hpts_reader, hpts_deliveries, hpts_reconciliation;
GRANT SELECT, UPDATE ON partitions TO hpts_engine;
GRANT SELECT, INSERT, UPDATE ON loans, account_days, disbursements, closed_periods TO hpts_engine;
GRANT SELECT, INSERT ON journal_entries, journal_lines, command_outcomes, reversal_targets, dead_letters TO hpts_engine;
GRANT SELECT, INSERT, DELETE ON outgoing_commands TO hpts_engine;
GRANT SELECT ON partitions, command_outcomes, journal_entries, journal_lines TO hpts_ingress;
GRANT INSERT ON outgoing_commands TO hpts_ingress;
GRANT SELECT ON loans, journal_entries, journal_lines, account_days, reversal_targets TO hpts_reader;
GRANT SELECT (partition_id, next_offset, reached_at, last_entry_seq, halted_because) ON partitions TO hpts_reader;

-- Row-level security: closed while hpts.tenant_id is unset, also for the tables' owner.
ALTER TABLE loans ENABLE ROW LEVEL SECURITY;
ALTER TABLE loans FORCE ROW LEVEL SECURITY;
ALTER TABLE journal_entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE journal_entries FORCE ROW LEVEL SECURITY;
ALTER TABLE journal_lines ENABLE ROW LEVEL SECURITY;
ALTER TABLE journal_lines FORCE ROW LEVEL SECURITY;
ALTER TABLE account_days ENABLE ROW LEVEL SECURITY;
ALTER TABLE account_days FORCE ROW LEVEL SECURITY;
ALTER TABLE command_outcomes ENABLE ROW LEVEL SECURITY;
ALTER TABLE command_outcomes FORCE ROW LEVEL SECURITY;
ALTER TABLE disbursements ENABLE ROW LEVEL SECURITY;
ALTER TABLE disbursements FORCE ROW LEVEL SECURITY;
ALTER TABLE closed_periods ENABLE ROW LEVEL SECURITY;
ALTER TABLE closed_periods FORCE ROW LEVEL SECURITY;
ALTER TABLE reversal_targets ENABLE ROW LEVEL SECURITY;
ALTER TABLE reversal_targets FORCE ROW LEVEL SECURITY;
ALTER TABLE partitions ENABLE ROW LEVEL SECURITY;
ALTER TABLE partitions FORCE ROW LEVEL SECURITY;

CREATE POLICY one_tenant ON loans FOR SELECT TO hpts_reader, hpts_ingress
    USING (tenant_id = nullif(current_setting('hpts.tenant_id', true), '')::uuid);
CREATE POLICY one_tenant ON journal_entries FOR SELECT TO hpts_reader, hpts_ingress
    USING (tenant_id = nullif(current_setting('hpts.tenant_id', true), '')::uuid);
CREATE POLICY one_tenant ON journal_lines FOR SELECT TO hpts_reader, hpts_ingress
    USING (tenant_id = nullif(current_setting('hpts.tenant_id', true), '')::uuid);
CREATE POLICY one_tenant ON account_days FOR SELECT TO hpts_reader, hpts_ingress
    USING (tenant_id = nullif(current_setting('hpts.tenant_id', true), '')::uuid);
CREATE POLICY one_tenant ON command_outcomes FOR SELECT TO hpts_reader, hpts_ingress
    USING (tenant_id = nullif(current_setting('hpts.tenant_id', true), '')::uuid);
CREATE POLICY one_tenant ON disbursements FOR SELECT TO hpts_reader, hpts_ingress
    USING (tenant_id = nullif(current_setting('hpts.tenant_id', true), '')::uuid);
CREATE POLICY one_tenant ON closed_periods FOR SELECT TO hpts_reader, hpts_ingress
    USING (tenant_id = nullif(current_setting('hpts.tenant_id', true), '')::uuid);
CREATE POLICY one_tenant ON reversal_targets FOR SELECT TO hpts_reader, hpts_ingress
    USING (tenant_id = nullif(current_setting('hpts.tenant_id', true), '')::uuid);
-- Positions belong to no tenant.
CREATE POLICY positions ON partitions FOR SELECT TO hpts_reader, hpts_ingress USING (true);
