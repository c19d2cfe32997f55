-- schema: hpts_edge
-- What the independent witness found, and what banks say. None of it follows from the log.

CREATE TABLE reconciliation_runs (
    run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    trigger text NOT NULL CHECK (trigger IN ('schedule', 'request')),
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at timestamptz,
    finished_at timestamptz,
    status text NOT NULL CHECK (status IN ('asked', 'running', 'ok', 'mismatch', 'incomplete')),
    incomplete_because text,
    positions json NOT NULL DEFAULT '{}',
    checked json NOT NULL DEFAULT '{}',
    finding_count integer NOT NULL DEFAULT 0
);
CREATE INDEX reconciliation_runs_asked ON reconciliation_runs (run_id) WHERE status = 'asked';
CREATE INDEX reconciliation_runs_finished ON reconciliation_runs (finished_at, run_id);
COMMENT ON COLUMN reconciliation_runs.positions IS 'The entry_seq of each partition at which the books were compared.';
COMMENT ON COLUMN reconciliation_runs.checked IS 'How much each check looked at, and how old the oldest look at a line is.';
COMMENT ON COLUMN reconciliation_runs.finding_count IS 'How many findings stood when the run had ended.';

CREATE TABLE reconciliation_findings (
    finding_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid,
    kind text NOT NULL,
    subject text NOT NULL,
    partition_id smallint,
    entry_seq bigint,
    journal_entry_id uuid,
    loan_id uuid,
    account_code text,
    currency text,
    layer text,
    booked_on date,
    expected text,
    found text,
    detail text NOT NULL,
    found_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    found_by bigint NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    cleared_at timestamptz
);
CREATE UNIQUE INDEX reconciliation_findings_standing ON reconciliation_findings (subject)
    WHERE cleared_at IS NULL;
CREATE INDEX reconciliation_findings_tenant ON reconciliation_findings (tenant_id, finding_id);
COMMENT ON TABLE reconciliation_findings IS 'Where the books are not what the events say. It stands until the same thing was checked again and found well.';
COMMENT ON COLUMN reconciliation_findings.subject IS 'What it is about: the same thing found again is the same finding.';

CREATE TABLE reconciliation_rollups (
    tenant_id uuid NOT NULL,
    currency text NOT NULL,
    gl_principal_minor numeric NOT NULL,
    loans_principal_minor numeric NOT NULL,
    checked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, currency)
) WITH (fillfactor = 60);
COMMENT ON TABLE reconciliation_rollups IS 'Account 1100 against the sum of the loans'' principal, at one instant of the books.';

CREATE TABLE bank_statements (
    tenant_id uuid NOT NULL,
    bank_statement_id uuid NOT NULL,
    bank_account_ref text NOT NULL,
    statement_ref text NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    from_date date NOT NULL,
    to_date date NOT NULL CHECK (to_date >= from_date),
    imported_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, bank_statement_id),
    UNIQUE (tenant_id, bank_account_ref, statement_ref)
);

CREATE TABLE bank_statement_lines (
    tenant_id uuid NOT NULL,
    bank_statement_id uuid NOT NULL,
    sequence integer NOT NULL CHECK (sequence > 0),
    bank_account_ref text NOT NULL,
    currency text NOT NULL,
    booked_on date NOT NULL,
    direction text NOT NULL CHECK (direction IN ('in', 'out')),
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    reference text,
    description text,
    matched_by text CHECK (matched_by IN ('reference', 'amount_and_date')),
    matched_partition smallint,
    matched_entry_seq bigint,
    matched_sequence integer,
    matched_entry_id uuid,
    matched_at timestamptz,
    PRIMARY KEY (tenant_id, bank_statement_id, sequence)
) WITH (fillfactor = 60);
CREATE UNIQUE INDEX bank_statement_lines_matched ON bank_statement_lines
    (tenant_id, matched_partition, matched_entry_seq, matched_sequence)
    WHERE matched_partition IS NOT NULL;
CREATE INDEX bank_statement_lines_unmatched ON bank_statement_lines (tenant_id, booked_on)
    WHERE matched_partition IS NULL;
COMMENT ON TABLE bank_statement_lines IS 'What a bank says moved, as imported; the matched columns say which line of account 1000 it is.';

CREATE TABLE bank_differences (
    tenant_id uuid NOT NULL,
    bank_account_ref text NOT NULL,
    currency text NOT NULL,
    difference_minor numeric NOT NULL,
    unmatched_line_count integer NOT NULL,
    unmatched_entry_count integer NOT NULL,
    checked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, bank_account_ref, currency)
);
COMMENT ON TABLE bank_differences IS 'What a bank account moved by more than the books say, over the days that its statements cover.';

CREATE TABLE bank_unmatched_entries (
    tenant_id uuid NOT NULL,
    partition_id smallint NOT NULL,
    entry_seq bigint NOT NULL,
    sequence integer NOT NULL,
    journal_entry_id uuid NOT NULL,
    effective_on date NOT NULL,
    direction text NOT NULL CHECK (direction IN ('in', 'out')),
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    external_ref text,
    PRIMARY KEY (tenant_id, partition_id, entry_seq, sequence)
);
COMMENT ON TABLE bank_unmatched_entries IS 'Lines of account 1000 on days that bank statements cover, and that no bank has told of.';

-- A request that posts nothing keeps its answer where its key is reserved.
ALTER TABLE idempotency_reservations ADD COLUMN IF NOT EXISTS result json;
GRANT UPDATE (result) ON idempotency_reservations TO hpts_ingress;

GRANT SELECT, INSERT, UPDATE, DELETE ON reconciliation_runs TO hpts_reconciliation;
GRANT SELECT, INSERT, UPDATE ON reconciliation_findings, reconciliation_rollups, bank_differences TO hpts_reconciliation;
GRANT DELETE ON bank_differences, reconciliation_rollups TO hpts_reconciliation;
GRANT SELECT, INSERT, DELETE ON bank_unmatched_entries TO hpts_reconciliation;
GRANT SELECT ON bank_statements, bank_statement_lines TO hpts_reconciliation;
GRANT UPDATE (matched_by, matched_partition, matched_entry_seq, matched_sequence, matched_entry_id, matched_at)
    ON bank_statement_lines TO hpts_reconciliation;
GRANT SELECT, INSERT ON bank_statements, bank_statement_lines TO hpts_ingress;
GRANT SELECT (run_id, trigger, started_at, finished_at, status, incomplete_because)
    ON reconciliation_runs TO hpts_reader;
GRANT SELECT ON reconciliation_findings, reconciliation_rollups, bank_statement_lines,
    bank_differences, bank_unmatched_entries TO hpts_reader;

ALTER TABLE reconciliation_findings ENABLE ROW LEVEL SECURITY;
ALTER TABLE reconciliation_findings FORCE ROW LEVEL SECURITY;
ALTER TABLE reconciliation_rollups ENABLE ROW LEVEL SECURITY;
ALTER TABLE reconciliation_rollups FORCE ROW LEVEL SECURITY;
ALTER TABLE bank_statements ENABLE ROW LEVEL SECURITY;
ALTER TABLE bank_statements FORCE ROW LEVEL SECURITY;
ALTER TABLE bank_statement_lines ENABLE ROW LEVEL SECURITY;
ALTER TABLE bank_statement_lines FORCE ROW LEVEL SECURITY;
ALTER TABLE bank_differences ENABLE ROW LEVEL SECURITY;
ALTER TABLE bank_differences FORCE ROW LEVEL SECURITY;
ALTER TABLE bank_unmatched_entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE bank_unmatched_entries FORCE ROW LEVEL SECURITY;

CREATE POLICY one_tenant ON reconciliation_findings FOR SELECT TO hpts_reader
    USING (tenant_id = nullif(current_setting('hpts.tenant_id', true), '')::uuid);
CREATE POLICY one_tenant ON reconciliation_rollups FOR SELECT TO hpts_reader
    USING (tenant_id = nullif(current_setting('hpts.tenant_id', true), '')::uuid);
CREATE POLICY one_tenant ON bank_statements TO hpts_ingress
    USING (tenant_id = nullif(current_setting('hpts.tenant_id', true), '')::uuid);
CREATE POLICY one_tenant ON bank_statement_lines TO hpts_ingress
    USING (tenant_id = nullif(current_setting('hpts.tenant_id', true), '')::uuid);
CREATE POLICY one_tenant_read ON bank_statement_lines FOR SELECT TO hpts_reader
    USING (tenant_id = nullif(current_setting('hpts.tenant_id', true), '')::uuid);
CREATE POLICY one_tenant ON bank_differences FOR SELECT TO hpts_reader
    USING (tenant_id = nullif(current_setting('hpts.tenant_id', true), '')::uuid);
CREATE POLICY one_tenant ON bank_unmatched_entries FOR SELECT TO hpts_reader
    USING (tenant_id = nullif(current_setting('hpts.tenant_id', true), '')::uuid);

CREATE VIEW readable_reconciliation_runs WITH (security_invoker = true) AS
SELECT run_id, trigger, started_at, finished_at, status, incomplete_because
FROM reconciliation_runs;

CREATE VIEW readable_reconciliation_findings WITH (security_invoker = true) AS
SELECT finding_id, tenant_id, kind, partition_id, entry_seq, journal_entry_id, loan_id, account_code,
       currency, layer, booked_on, expected, found, detail, found_at, found_by, seen_at, cleared_at
FROM reconciliation_findings;

CREATE VIEW readable_reconciliation_rollups WITH (security_invoker = true) AS
SELECT tenant_id, currency, gl_principal_minor, loans_principal_minor, checked_at
FROM reconciliation_rollups;

CREATE VIEW readable_bank_statement_lines WITH (security_invoker = true) AS
SELECT tenant_id, bank_statement_id, sequence, bank_account_ref, currency, booked_on, direction,
       amount_minor, reference, description, matched_by, matched_entry_id, matched_at
FROM bank_statement_lines;

CREATE VIEW readable_bank_differences WITH (security_invoker = true) AS
SELECT tenant_id, bank_account_ref, currency, difference_minor, unmatched_line_count,
       unmatched_entry_count, checked_at
FROM bank_differences;

CREATE VIEW readable_bank_unmatched_entries WITH (security_invoker = true) AS
SELECT tenant_id, partition_id, entry_seq, sequence, journal_entry_id, effective_on, direction,
       amount_minor, currency, external_ref
FROM bank_unmatched_entries;

GRANT SELECT ON readable_reconciliation_runs, readable_reconciliation_findings,
    readable_reconciliation_rollups, readable_bank_statement_lines, readable_bank_differences,
    readable_bank_unmatched_entries TO hpts_reader;
