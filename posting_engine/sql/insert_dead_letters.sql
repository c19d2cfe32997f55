-- Keep records that cannot be commands, with their bytes and the reason.
-- Parameters: arrays, one element a record. Result: none. Locks: none but the new rows.
INSERT INTO dead_letters (
    partition_id, command_offset, appended_at, reason, record_key, record_value, record_headers)
SELECT partition_id, command_offset, appended_at, reason, record_key, record_value,
       record_headers::json
FROM unnest(
    %(partition_id)s::smallint[], %(command_offset)s::bigint[], %(appended_at)s::timestamptz[],
    %(reason)s::text[], %(record_key)s::bytea[], %(record_value)s::bytea[],
    %(record_headers)s::text[]
) AS u (partition_id, command_offset, appended_at, reason, record_key, record_value,
        record_headers);
