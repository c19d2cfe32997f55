-- The ledger's roles.
-- Parameters: none. Result: rolname, rolcanlogin, rolbypassrls, rolsuper of each. Locks: none.
SELECT rolname, rolcanlogin, rolbypassrls, rolsuper FROM pg_roles WHERE rolname LIKE 'hpts\_%';
