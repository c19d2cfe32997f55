-- What operators set for a tenant. Parameters: tenant_id. Result: one row or none. Locks: none.
SELECT default_currency, waterfall_version FROM tenant_settings WHERE tenant_id = %(tenant_id)s;
