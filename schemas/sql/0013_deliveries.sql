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
