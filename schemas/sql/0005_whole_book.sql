-- schema: hpts
-- What the whole book needs beside the first four events: refinances, settlements, month ends,
-- and the look-ups of finance.

ALTER TABLE loans
    ADD COLUMN paid_off_principal_minor bigint NOT NULL DEFAULT 0 CHECK (paid_off_principal_minor >= 0),
    ADD COLUMN paid_off_interest_minor bigint NOT NULL DEFAULT 0 CHECK (paid_off_interest_minor >= 0),
    ADD COLUMN paid_off_fees_minor bigint NOT NULL DEFAULT 0 CHECK (paid_off_fees_minor >= 0);
COMMENT ON COLUMN loans.paid_off_principal_minor IS 'What the standing refinance took over, and its reversal would restore.';
COMMENT ON COLUMN loans.life IS 'Counts the openings of the loan id; 0 while a refinance has only reserved it.';
-- The tenant last: where tables are not analysed yet, a look-up by key must not be taken for one
-- of partition and tenant.
CREATE INDEX loans_borrower ON loans (partition_id, borrower_id, tenant_id);

ALTER TABLE disbursements
    ADD COLUMN entry_seq bigint,
    ADD COLUMN effective_on date;
-- The owner, too, is behind row-level security.
ALTER TABLE disbursements NO FORCE ROW LEVEL SECURITY;
ALTER TABLE journal_entries NO FORCE ROW LEVEL SECURITY;
UPDATE disbursements AS d
SET entry_seq = e.entry_seq, effective_on = e.effective_on
FROM journal_entries AS e
WHERE e.partition_id = d.partition_id AND e.journal_entry_id = d.journal_entry_id AND e.part = 0;
ALTER TABLE disbursements FORCE ROW LEVEL SECURITY;
ALTER TABLE journal_entries FORCE ROW LEVEL SECURITY;
ALTER TABLE disbursements
    ALTER COLUMN entry_seq SET NOT NULL,
    ALTER COLUMN effective_on SET NOT NULL;

CREATE TABLE disbursement_entries (
    partition_id smallint NOT NULL,
    journal_entry_id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    event_id uuid NOT NULL,
    PRIMARY KEY (partition_id, journal_entry_id)
);
COMMENT ON TABLE disbursement_entries IS 'The disbursement that a settlement settles, or that a refinance brings along, by entry.';

CREATE TABLE period_closes (
    partition_id smallint NOT NULL,
    tenant_id uuid NOT NULL,
    closed_through date NOT NULL,
    closed_at timestamptz NOT NULL,
    PRIMARY KEY (partition_id, tenant_id, closed_through)
);
COMMENT ON TABLE period_closes IS 'When a partition applied each close. A month is closed once every partition has.';

ALTER TABLE journal_entries ADD COLUMN details json NOT NULL DEFAULT '{}';
COMMENT ON COLUMN journal_entries.details IS 'The codes and words of the event itself: reason, method, fee type, return code.';

CREATE INDEX journal_entries_tenant ON journal_entries (partition_id, tenant_id, entry_seq);
CREATE INDEX journal_lines_reference ON journal_lines (partition_id, tenant_id, external_ref, entry_seq)
    WHERE external_ref IS NOT NULL;
DROP INDEX outgoing_commands_order;
CREATE INDEX outgoing_commands_order ON outgoing_commands (partition_id, kind, outgoing_seq);

GRANT SELECT, INSERT ON disbursement_entries, period_closes TO hpts_engine;
GRANT SELECT ON period_closes, closed_periods TO hpts_reader;

ALTER TABLE disbursement_entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE disbursement_entries FORCE ROW LEVEL SECURITY;
ALTER TABLE period_closes ENABLE ROW LEVEL SECURITY;
ALTER TABLE period_closes FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON disbursement_entries FOR SELECT TO hpts_reader, hpts_ingress
    USING (tenant_id = nullif(current_setting('hpts.tenant_id', true), '')::uuid);
CREATE POLICY one_tenant ON period_closes FOR SELECT TO hpts_reader, hpts_ingress
    USING (tenant_id = nullif(current_setting('hpts.tenant_id', true), '')::uuid);

-- A loan that a refinance has only reserved is unseen.
CREATE OR REPLACE VIEW readable_loans WITH (security_invoker = true) AS
SELECT partition_id, tenant_id, loan_id, borrower_id, currency, status, opened_on,
       principal_minor, interest_minor, fees_minor, suspense_minor, unsettled_minor,
       principal_minor + interest_minor + fees_minor AS total_exposure_minor,
       accrued_through, quarantined, last_activity_at,
       life, life_began_seq, recovered_minor, collected_principal_minor,
       collected_interest_minor, collected_fees_minor
FROM loans
WHERE life > 0;

CREATE OR REPLACE VIEW readable_entries WITH (security_invoker = true) AS
SELECT partition_id, entry_seq, tenant_id, journal_entry_id, part, event_type, event_id,
       effective_on, booked_on, posted_at, correlation_id, reverses_entry_id, actor, description, metadata,
       details
FROM journal_entries;

CREATE VIEW readable_closed_periods WITH (security_invoker = true) AS
SELECT partition_id, tenant_id, closed_through
FROM closed_periods;

CREATE VIEW readable_period_closes WITH (security_invoker = true) AS
SELECT partition_id, tenant_id, closed_through, closed_at
FROM period_closes;

GRANT SELECT ON readable_closed_periods, readable_period_closes TO hpts_reader;
