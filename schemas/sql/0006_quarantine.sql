-- schema: hpts
-- Loans that stand still until an operator decides, and what is published of it and of dead letters.

ALTER TABLE partitions ADD COLUMN quarantined_count bigint NOT NULL DEFAULT 0 CHECK (quarantined_count >= 0);
COMMENT ON COLUMN partitions.quarantined_count IS 'Rows of quarantined_commands; while zero, nobody looks for them.';

ALTER TABLE command_outcomes ADD COLUMN resumed_offset bigint;
COMMENT ON COLUMN command_outcomes.resumed_offset IS 'Of a command that was quarantined: the offset of the resume or reject that brought the outcome.';

CREATE TABLE quarantined_commands (
    partition_id smallint NOT NULL,
    tenant_id uuid NOT NULL,
    loan_id uuid NOT NULL,
    command_offset bigint NOT NULL,
    idempotency_key text NOT NULL,
    command_id uuid NOT NULL,
    correlation_id uuid NOT NULL,
    command_type text NOT NULL,
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    is_share boolean NOT NULL,
    reason text,
    appended_at timestamptz NOT NULL,
    quarantined_at timestamptz NOT NULL,
    record_key bytea,
    record_value bytea NOT NULL,
    record_headers json NOT NULL,
    PRIMARY KEY (partition_id, tenant_id, loan_id, command_offset)
);
-- A share of a chunk has its outcome; every other key waits once.
CREATE UNIQUE INDEX quarantined_commands_key ON quarantined_commands (partition_id, tenant_id, idempotency_key)
    WHERE NOT is_share;
CREATE INDEX quarantined_commands_command ON quarantined_commands (partition_id, command_id);
COMMENT ON TABLE quarantined_commands IS 'Commands that wait for an operator, in order within each loan. A loan is quarantined while it has a row.';
COMMENT ON COLUMN quarantined_commands.loan_id IS 'What stands still; zero: what of the tenant concerns no loan.';
COMMENT ON COLUMN quarantined_commands.is_share IS 'A loan of a chunk: the chunk was answered without it, so nothing waits to be decided.';
COMMENT ON COLUMN quarantined_commands.reason IS 'What broke; NULL for what only waits behind.';

CREATE TABLE quarantines (
    partition_id smallint NOT NULL,
    decided_offset bigint NOT NULL,
    command_offset bigint NOT NULL,
    loan_id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    command_id uuid NOT NULL,
    reason text NOT NULL,
    decided_at timestamptz NOT NULL,
    PRIMARY KEY (partition_id, decided_offset, command_offset, loan_id)
);
COMMENT ON TABLE quarantines IS 'Every time a command broke: the facts that a replay takes, whatever its code would decide.';
COMMENT ON COLUMN quarantines.decided_offset IS 'What was being applied: the command itself, or the resume that tried it again.';

CREATE TABLE outgoing_dead_letters (
    partition_id smallint NOT NULL,
    outgoing_seq bigint GENERATED ALWAYS AS IDENTITY,
    record_key bytea,
    record_value bytea NOT NULL,
    PRIMARY KEY (partition_id, outgoing_seq)
);
COMMENT ON TABLE outgoing_dead_letters IS 'Messages still to be published to the dead letters topic by the engine that holds partition_id.';

GRANT SELECT, INSERT, UPDATE, DELETE ON quarantined_commands TO hpts_engine;
GRANT SELECT, INSERT ON quarantines TO hpts_engine;
GRANT SELECT, INSERT, DELETE ON outgoing_dead_letters TO hpts_engine;
GRANT SELECT ON quarantined_commands TO hpts_ingress, hpts_reader;
GRANT SELECT ON quarantines, dead_letters TO hpts_reader;
GRANT SELECT (quarantined_count, lease_epoch, lease_taken_at) ON partitions TO hpts_reader;

ALTER TABLE quarantined_commands ENABLE ROW LEVEL SECURITY;
ALTER TABLE quarantined_commands FORCE ROW LEVEL SECURITY;
ALTER TABLE quarantines ENABLE ROW LEVEL SECURITY;
ALTER TABLE quarantines FORCE ROW LEVEL SECURITY;
ALTER TABLE dead_letters ENABLE ROW LEVEL SECURITY;
ALTER TABLE dead_letters FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON quarantined_commands FOR SELECT TO hpts_reader, hpts_ingress
    USING (tenant_id = nullif(current_setting('hpts.tenant_id', true), '')::uuid);
CREATE POLICY one_tenant ON quarantines FOR SELECT TO hpts_reader
    USING (tenant_id = nullif(current_setting('hpts.tenant_id', true), '')::uuid);
-- A record that is no command belongs to no tenant: it is for the installation's operators alone.
CREATE POLICY operators ON dead_letters FOR SELECT TO hpts_reader
    USING (current_setting('hpts.operator', true) = 'true');

CREATE VIEW readable_quarantined_commands WITH (security_invoker = true) AS
SELECT partition_id, tenant_id, loan_id, command_offset, idempotency_key, command_id,
       correlation_id, command_type, is_share, reason, appended_at, quarantined_at
FROM quarantined_commands;

CREATE VIEW readable_dead_letters WITH (security_invoker = true) AS
SELECT partition_id, command_offset, appended_at, reason, record_key, record_value, record_headers
FROM dead_letters;

CREATE OR REPLACE VIEW readable_partitions WITH (security_invoker = true) AS
SELECT partition_id, next_offset, reached_at, last_entry_seq, halted_because,
       quarantined_count, lease_epoch, lease_taken_at
FROM partitions;

-- A loan is quarantined while anything of it waits; the column of `loans` follows where it can.
CREATE OR REPLACE VIEW readable_loans WITH (security_invoker = true) AS
SELECT partition_id, tenant_id, loan_id, borrower_id, currency, status, opened_on,
       principal_minor, interest_minor, fees_minor, suspense_minor, unsettled_minor,
       principal_minor + interest_minor + fees_minor AS total_exposure_minor,
       accrued_through,
       EXISTS (
           SELECT FROM quarantined_commands AS q
           WHERE q.partition_id = loans.partition_id AND q.tenant_id = loans.tenant_id
               AND q.loan_id = loans.loan_id
       ) AS quarantined,
       last_activity_at, life, life_began_seq, recovered_minor, collected_principal_minor,
       collected_interest_minor, collected_fees_minor
FROM loans
WHERE life > 0;

GRANT SELECT ON readable_quarantined_commands, readable_dead_letters TO hpts_reader;
