-- schema: hpts_edge
-- The checkpoints that engines have signed and have still to publish, and the last one published.
-- Not from the log: they say what was told to the outside, and when.

CREATE TABLE checkpoints (
    partition_id smallint NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    entry_seq bigint NOT NULL,
    next_offset bigint NOT NULL,
    made_at timestamptz NOT NULL,
    frontier bytea NOT NULL,
    message bytea NOT NULL,
    published_at timestamptz,
    PRIMARY KEY (partition_id, number)
);
COMMENT ON TABLE checkpoints IS 'Signed chain heads on their way out. Its key lets a partition have one checkpoint of a number, whoever makes it.';
COMMENT ON COLUMN checkpoints.frontier IS 'The full subtrees of the Merkle tree over entry_seq entries, so that it can grow.';
COMMENT ON COLUMN checkpoints.message IS 'The signed bytes, as they stand on the topic and in files.';

GRANT SELECT, INSERT, DELETE ON checkpoints TO hpts_engine;
GRANT UPDATE (published_at) ON checkpoints TO hpts_engine;
