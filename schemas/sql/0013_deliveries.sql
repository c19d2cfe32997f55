-- schema: hpts_edge
-- What has left the ledger. None of it follows from the log, so a rebuild of the books keeps it:
-- what was told once is not told again.

CREATE TABLE delivery_cursors (
    name text NOT NULL CHECK (name IN ('journal_topic', 'webhooks')),
    partition_id smallint NOT NULL,
    entry_seq bigint NOT NULL CHECK (entry_seq >= 0),
    entry_hash bytea CHECK (length(entry_hash) = 32),
    topic_id text,
    caught_up_at timestamptz NOT NULL,
    halted_because text,
    PRIMARY KEY (name, partition_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE delivery_cursors IS 'How far each partition''s journal has been published (journal_topic), or told to endpoints'' queues (webhooks).';
COMMENT ON COLUMN delivery_cursors.entry_seq IS 'The last entry that the broker has acknowledged, or that is queued.';
COMMENT ON COLUMN delivery_cursors.entry_hash IS 'Its link of the chain: books that differ from what was published are noticed.';
COMMENT ON COLUMN delivery_cursors.topic_id IS 'The topic that it was published to.';
COMMENT ON COLUMN delivery_cursors.caught_up_at IS 'What was posted before this instant had left, when last looked.';
COMMENT ON COLUMN delivery_cursors.halted_because IS 'Why nothing of the partition leaves, and what to do; NULL while it does.';

GRANT SELECT, INSERT, UPDATE ON delivery_cursors TO hpts_deliveries;
GRANT SELECT (name, partition_id, entry_seq, caught_up_at, halted_because) ON delivery_cursors TO hpts_reader;

CREATE VIEW readable_delivery_cursors WITH (security_invoker = true) AS
SELECT name, partition_id, entry_seq, caught_up_at, halted_because
FROM delivery_cursors;

GRANT SELECT ON readable_delivery_cursors TO hpts_reader;

-- Webhooks. An endpoint is configuration; what it was told is kept beside it.
ALTER TABLE idempotency_reservations ADD COLUMN result json;
COMMENT ON COLUMN idempotency_reservations.result IS 'The answer of a request that posts nothing, without secrets; NULL where the log has the answer.';
GRANT UPDATE (result) ON idempotency_reservations TO hpts_ingress;

CREATE TABLE webhook_endpoints (
    endpoint_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    url text NOT NULL,
    event_types text[],
    description text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    starts_after bigint[] NOT NULL,
    status text NOT NULL DEFAULT 'enabled' CHECK (status IN ('enabled', 'disabled', 'deleted')),
    disabled_because text
);
CREATE INDEX webhook_endpoints_tenant ON webhook_endpoints (tenant_id, endpoint_id);
CREATE INDEX webhook_endpoints_gone ON webhook_endpoints (endpoint_id) WHERE status <> 'enabled';
COMMENT ON COLUMN webhook_endpoints.event_types IS 'Which entries it is told of; NULL: all.';
COMMENT ON COLUMN webhook_endpoints.starts_after IS 'Each partition''s last entry when it was made: it is told of what follows.';

CREATE TABLE webhook_secrets (
    endpoint_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    tenant_id uuid NOT NULL,
    secret text NOT NULL,
    valid_until timestamptz,
    PRIMARY KEY (endpoint_id, created_at)
);
COMMENT ON COLUMN webhook_secrets.valid_until IS 'NULL: the present one. While another is valid, too, there are two signatures.';

CREATE TABLE webhook_deliveries (
    endpoint_id uuid NOT NULL,
    journal_entry_id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    queue_id uuid NOT NULL,
    partition_id smallint NOT NULL,
    entry_seq bigint NOT NULL,
    event_type text NOT NULL,
    occurred_at timestamptz NOT NULL,
    correlation_id uuid NOT NULL,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'exhausted', 'dropped')),
    tries integer NOT NULL DEFAULT 0,
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    PRIMARY KEY (endpoint_id, journal_entry_id)
) WITH (fillfactor = 70);
CREATE INDEX webhook_deliveries_pending ON webhook_deliveries (endpoint_id, queue_id, entry_seq)
    WHERE status = 'pending';
CREATE INDEX webhook_deliveries_finished ON webhook_deliveries (finished_at) WHERE finished_at IS NOT NULL;
COMMENT ON TABLE webhook_deliveries IS 'One event for one endpoint. Its key lets nothing be queued twice.';
COMMENT ON COLUMN webhook_deliveries.queue_id IS 'The loan whose events wait for one another; the entry itself where it is not of one loan.';
COMMENT ON COLUMN webhook_deliveries.tries IS 'Attempts since it was queued, or replayed: its place in the schedule.';

CREATE TABLE webhook_attempts (
    endpoint_id uuid NOT NULL,
    journal_entry_id uuid NOT NULL,
    attempted_at timestamptz NOT NULL,
    tenant_id uuid NOT NULL,
    duration_ms integer NOT NULL,
    status_code integer,
    error text,
    PRIMARY KEY (endpoint_id, journal_entry_id, attempted_at)
);
COMMENT ON COLUMN webhook_attempts.error IS 'Why there is no status code.';

CREATE TABLE webhook_queues (
    endpoint_id uuid NOT NULL,
    queue_id uuid NOT NULL,
    next_attempt_at timestamptz NOT NULL,
    is_due boolean NOT NULL DEFAULT true,
    PRIMARY KEY (endpoint_id, queue_id)
) WITH (fillfactor = 50);
CREATE INDEX webhook_queues_due ON webhook_queues (endpoint_id, next_attempt_at) WHERE is_due;
CREATE INDEX webhook_queues_waiting ON webhook_queues (next_attempt_at) WHERE NOT is_due;
COMMENT ON COLUMN webhook_queues.is_due IS 'False while it waits for next_attempt_at: who looks for what is due does not meet it.';
COMMENT ON TABLE webhook_queues IS 'A row while anything is pending of a queue. Whoever adds to a queue, or takes its last event away, locks it.';

CREATE TABLE webhook_awaited (
    tenant_id uuid NOT NULL,
    journal_entry_id uuid NOT NULL,
    queue_id uuid NOT NULL,
    partition_id smallint NOT NULL,
    entry_seq bigint NOT NULL,
    part integer NOT NULL,
    event_type text NOT NULL,
    occurred_at timestamptz NOT NULL,
    correlation_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, journal_entry_id)
);
COMMENT ON TABLE webhook_awaited IS 'Entries in parts of which some part has still to be posted: they are one event, with the last one.';

CREATE TABLE webhook_replays (
    replay_id uuid PRIMARY KEY,
    endpoint_id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    from_at timestamptz NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    next_seqs bigint[],
    through_seqs bigint[],
    finished_at timestamptz
);
CREATE INDEX webhook_replays_unfinished ON webhook_replays (requested_at) WHERE finished_at IS NULL;
COMMENT ON COLUMN webhook_replays.next_seqs IS 'Where each partition goes on; NULL until it is begun.';

GRANT SELECT, UPDATE, DELETE ON webhook_endpoints TO hpts_deliveries;
GRANT SELECT, DELETE ON webhook_secrets TO hpts_deliveries;
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_deliveries, webhook_attempts, webhook_queues, webhook_awaited TO hpts_deliveries;
GRANT SELECT, UPDATE, DELETE ON webhook_replays TO hpts_deliveries;
GRANT SELECT, INSERT ON webhook_endpoints TO hpts_ingress;
GRANT UPDATE (status) ON webhook_endpoints TO hpts_ingress;
-- Secrets go in, and here they never come out again.
GRANT INSERT ON webhook_secrets TO hpts_ingress;
GRANT SELECT (endpoint_id, tenant_id, created_at, valid_until), UPDATE (valid_until) ON webhook_secrets TO hpts_ingress;
GRANT SELECT ON webhook_deliveries, webhook_attempts, webhook_queues TO hpts_ingress;
GRANT SELECT, INSERT ON webhook_replays TO hpts_ingress;

ALTER TABLE webhook_endpoints ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_endpoints FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_secrets FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_deliveries FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_attempts ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_attempts FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_replays ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_replays FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON webhook_endpoints TO hpts_ingress
    USING (tenant_id = nullif(current_setting('hpts.tenant_id', true), '')::uuid);
CREATE POLICY one_tenant ON webhook_secrets TO hpts_ingress
    USING (tenant_id = nullif(current_setting('hpts.tenant_id', true), '')::uuid);
CREATE POLICY one_tenant ON webhook_deliveries FOR SELECT TO hpts_ingress
    USING (tenant_id = nullif(current_setting('hpts.tenant_id', true), '')::uuid);
CREATE POLICY one_tenant ON webhook_attempts FOR SELECT TO hpts_ingress
    USING (tenant_id = nullif(current_setting('hpts.tenant_id', true), '')::uuid);
CREATE POLICY one_tenant ON webhook_replays TO hpts_ingress
    USING (tenant_id = nullif(current_setting('hpts.tenant_id', true), '')::uuid);
