-- Where each partition of the search path's books stands.
-- Parameters: none. Result: partition_id, next_offset, last_entry_seq, chain_head. Locks: none.
SELECT partition_id::integer, next_offset, last_entry_seq, chain_head FROM partitions ORDER BY 1;
