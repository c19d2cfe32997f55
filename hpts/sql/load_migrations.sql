-- What has been applied.
-- Parameters: none. Result: name and sha256 of each, in order. Locks: none.
SELECT name, sha256 FROM hpts_edge.migrations ORDER BY name;
