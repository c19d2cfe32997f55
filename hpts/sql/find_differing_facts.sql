-- Dead letters and quarantines that either the live books or those of the search path have alone,
-- as far as the live ones go. Why they were decided may be told in other words.
-- Parameters: none. Result: partition_id, decided_offset, kind, command_offset, is_live, in order.
-- Locks: none.
WITH live AS (
    SELECT partition_id, command_offset AS decided_offset, 'dead letter' AS kind, command_offset,
           NULL::uuid AS loan_id
    FROM hpts.dead_letters
    UNION ALL
    SELECT partition_id, decided_offset, 'quarantine', command_offset, loan_id
    FROM hpts.quarantines
), rebuilt AS (
    SELECT r.*
    FROM (
        SELECT partition_id, command_offset AS decided_offset, 'dead letter' AS kind, command_offset,
               NULL::uuid AS loan_id
        FROM dead_letters
        UNION ALL
        SELECT partition_id, decided_offset, 'quarantine', command_offset, loan_id
        FROM quarantines
    ) AS r
    JOIN hpts.partitions AS p USING (partition_id)
    WHERE r.decided_offset < p.next_offset
)
SELECT partition_id::integer, decided_offset, kind, command_offset, is_live
FROM (
    SELECT *, true AS is_live FROM (TABLE live EXCEPT TABLE rebuilt) AS l
    UNION ALL
    SELECT *, false FROM (TABLE rebuilt EXCEPT TABLE live) AS r
) AS differing
ORDER BY partition_id, decided_offset, command_offset, loan_id;
