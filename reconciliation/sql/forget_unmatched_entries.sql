-- Forget a tenant's entries that no bank had told of; what is left now is noted anew.
-- Parameters: tenant_id. Result: none. Locks: the rows.
DELETE FROM bank_unmatched_entries WHERE tenant_id = %(tenant_id)s;
