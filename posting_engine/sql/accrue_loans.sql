-- Set the loans of a chunk to their state after it, each guarded by the version that was read.
-- Parameters: partition_id, tenant_id, statuses, and arrays, one element a loan, sorted by key:
-- `row_id` is where the row lay when it was read, which spares looking the key up again; `status`
-- counts from 1 in `statuses`. Result: the loans that matched; a missing one means that
-- somebody else has written it. Locks: the loans' rows.
UPDATE loans AS l
SET interest_minor = u.interest_minor,
    status = (%(statuses)b::text[])[u.status],
    accrued_through = u.accrued_through,
    last_activity_at = u.last_activity_at,
    version = u.read_version + 1
FROM (
    -- Fenced off (OFFSET 0), or partition and tenant alone might be taken for a key to read by.
    SELECT %(partition_id)b::smallint AS partition_id, %(tenant_id)b::uuid AS tenant_id, v.*
    FROM unnest(
        %(row_id)b::tid[], %(loan_id)b::uuid[], %(interest_minor)b::bigint[], %(status)b::smallint[],
        %(accrued_through)b::date[], %(last_activity_at)b::timestamptz[], %(read_version)b::bigint[]
    ) AS v (row_id, loan_id, interest_minor, status, accrued_through, last_activity_at, read_version)
    OFFSET 0
) AS u
WHERE l.ctid = u.row_id
    AND l.partition_id = u.partition_id AND l.tenant_id = u.tenant_id AND l.loan_id = u.loan_id
    AND l.version = u.read_version;
