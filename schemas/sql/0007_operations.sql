-- schema: hpts_edge
-- What operators see of the engines at work. None of it follows from the log.

CREATE TABLE log_ends (
    partition_id smallint PRIMARY KEY,
    readable_offset bigint NOT NULL,
    written_offset bigint NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE log_ends IS 'Where each partition of the log ended when its engine last asked, about once a second.';
COMMENT ON COLUMN log_ends.readable_offset IS 'The next offset that can be read: nothing behind a transaction that is still open can.';
COMMENT ON COLUMN log_ends.written_offset IS 'The next offset to be written.';

CREATE TABLE fenced_writers (
    partition_id smallint NOT NULL,
    lease_epoch bigint NOT NULL,
    lease_owner text NOT NULL,
    fenced_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (partition_id, lease_epoch)
);
COMMENT ON TABLE fenced_writers IS 'Writers that found their lease taken by another and gave up, as they said themselves.';

GRANT SELECT, INSERT, UPDATE ON log_ends TO hpts_engine;
GRANT SELECT, INSERT ON fenced_writers TO hpts_engine;
GRANT SELECT ON log_ends TO hpts_reader;
GRANT SELECT (partition_id, lease_epoch, fenced_at) ON fenced_writers TO hpts_reader;

CREATE VIEW readable_log_ends WITH (security_invoker = true) AS
SELECT partition_id, readable_offset, written_offset, seen_at FROM log_ends;

CREATE VIEW readable_fenced_writers WITH (security_invoker = true) AS
SELECT partition_id, lease_epoch, fenced_at FROM fenced_writers;

GRANT SELECT ON readable_log_ends, readable_fenced_writers TO hpts_reader;
