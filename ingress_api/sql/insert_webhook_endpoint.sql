-- An endpoint that is told of what is posted from now on.
-- Parameters: endpoint_id, tenant_id, url, event_types (NULL: all), description.
-- Result: its row. Locks: the new row.
INSERT INTO webhook_endpoints (endpoint_id, tenant_id, url, event_types, description, starts_after)
VALUES (%(endpoint_id)s, %(tenant_id)s, %(url)s, %(event_types)s::text[], %(description)s,
        (SELECT array_agg(last_entry_seq ORDER BY partition_id) FROM partitions))
RETURNING endpoint_id, url, event_types, description, status, disabled_because, created_at;
