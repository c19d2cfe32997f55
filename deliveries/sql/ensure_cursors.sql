-- Begin to tell endpoints, where nobody has: from the first entry, since each endpoint knows after
-- which entries it was made. Parameters: partition_count. Result: none. Locks: the new rows.
INSERT INTO delivery_cursors (name, partition_id, entry_seq, caught_up_at)
SELECT 'webhooks', p, 0, clock_timestamp()
FROM generate_series(0, %(partition_count)s - 1) AS p
ON CONFLICT DO NOTHING;
