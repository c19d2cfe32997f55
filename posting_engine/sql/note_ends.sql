-- Where the log ends now, for operators.
-- Parameters: partition_ids, readable_offsets, written_offsets (arrays). Result: none.
-- Locks: the rows.
INSERT INTO log_ends (partition_id, readable_offset, written_offset)
SELECT partition_id, readable_offset, written_offset
FROM unnest(
    %(partition_ids)b::smallint[], %(readable_offsets)b::bigint[], %(written_offsets)b::bigint[]
) AS u (partition_id, readable_offset, written_offset)
ON CONFLICT (partition_id) DO UPDATE
SET readable_offset = excluded.readable_offset,
    written_offset = excluded.written_offset,
    seen_at = clock_timestamp();
