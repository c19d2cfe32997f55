-- Let another session see what this one does, for as long as its transaction lasts.
-- Parameters: none. Result: the snapshot's name, and the schemas that are searched. Locks: none.
SELECT pg_export_snapshot(), current_setting('search_path');
