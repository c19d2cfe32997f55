-- Positions of partitions 0 to n of a ledger that has no topic.
-- Parameters: n. Result: none. Locks: none but the new rows.
INSERT INTO hpts.partitions (partition_id, topic_id)
SELECT number, 'a topic' FROM generate_series(0, %s) AS number;
