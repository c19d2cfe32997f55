-- schema: hpts
-- A cut-over lets the books go on from a new, empty topic. Offsets go on counting: a record's is the
-- partition's base and Kafka's own offset.

ALTER TABLE partitions ADD COLUMN base_offset bigint NOT NULL DEFAULT 0 CHECK (base_offset >= 0);
COMMENT ON COLUMN partitions.base_offset IS 'Where the log before this topic ended, and so the offset of the first record of this one; 0 in a ledger that was never cut over.';
