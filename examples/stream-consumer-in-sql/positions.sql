-- How far each partition has been read; kept in the same transaction as its lines.
-- Parameters: none. Result: none. Locks: none.
create table if not exists positions (partition_id integer primary key, next_offset integer);
