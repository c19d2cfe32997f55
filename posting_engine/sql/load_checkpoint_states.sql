-- Where the journals of partitions stand, each with its last checkpoint, if it has one.
-- Parameters: owner, with_unheld (whether those that nobody holds count, too). Result: one row a
-- partition; age_s is how long ago its last checkpoint was made. Locks: none.
SELECT p.partition_id, p.topic_id, p.next_offset, p.base_offset, p.last_entry_seq,
       p.chain_head,
       c.number, c.entry_seq, c.next_offset AS told_offset, c.frontier, c.message,
       extract(epoch FROM clock_timestamp() - c.made_at)::float8 AS age_s
FROM partitions AS p
LEFT JOIN LATERAL (
    SELECT k.number, k.entry_seq, k.next_offset, k.frontier, k.message, k.made_at
    FROM checkpoints AS k
    WHERE k.partition_id = p.partition_id
    ORDER BY k.number DESC
    LIMIT 1
) AS c ON true
WHERE p.lease_owner = %(owner)b OR (p.lease_owner IS NULL AND %(with_unheld)b)
ORDER BY p.partition_id;
