-- What must stand before the first migration: the owner, both schemas, the list of migrations.
-- Parameters: none. Result: none. Locks: the catalogue's own.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hpts_owner') THEN
        CREATE ROLE hpts_owner NOLOGIN;
    END IF;
    -- Who is no superuser must be a member before it can become the owner.
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        GRANT hpts_owner TO CURRENT_USER;
    END IF;
    IF to_regclass('hpts_edge.migrations') IS NULL THEN
        CREATE SCHEMA IF NOT EXISTS hpts AUTHORIZATION hpts_owner;
        CREATE SCHEMA IF NOT EXISTS hpts_edge AUTHORIZATION hpts_owner;
        SET LOCAL ROLE hpts_owner;
        CREATE TABLE hpts_edge.migrations (
            name text PRIMARY KEY,
            sha256 text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now()
        );
    END IF;
END
$$;
