-- Keep records that cannot be commands, with their bytes and the reason.
-- Parameters: arrays, one element a record. Result: none. Locks: none but the new rows.
INSERT INTO dead_letters (
    partition_id, command_offset, appended_at, reason, record_key, record_value, record_headers)
SELECT partition_id, command_offset, appended_at, reason, record_key, record_value,
       record_headers::json
FROM unnest(
    %(partition_id)b::smallint[], %(command_offset)b::bigint[], %(appended_at)b::timestamptz[],
    %(reason)b::text[], %(record_key)b::bytea[], %(record_value)b::bytea[],
    %(record_headers)b::text[]
) AS u (partition_id, command_offset, appended_at, reason, record_key, record_value,
        record_headers);
