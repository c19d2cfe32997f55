-- When the partition applied each close; the first time counts.
-- Parameters: arrays, one element a close. Result: none. Locks: none but the new rows.
INSERT INTO period_closes (partition_id, tenant_id, closed_through, closed_at)
SELECT *
FROM unnest(
    %(partition_id)b::smallint[], %(tenant_id)b::uuid[], %(closed_through)b::date[],
    %(closed_at)b::timestamptz[]
)
ON CONFLICT DO NOTHING;
