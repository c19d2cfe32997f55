-- The settings of the server that durability hangs on, and its version.
-- Parameters: none. Result: name and setting of each. Locks: none.
SELECT name, setting FROM pg_settings
WHERE name IN ('server_version', 'server_version_num', 'fsync', 'full_page_writes',
               'data_checksums', 'synchronous_commit');
