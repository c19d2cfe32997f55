-- schema: roles
-- Who may do what. Nobody who can log in owns anything; every grant stands beside its table.

DO $$
DECLARE
    role_name text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hpts_owner') THEN
        CREATE ROLE hpts_owner NOLOGIN;
    END IF;
    FOREACH role_name IN ARRAY ARRAY['hpts_ingress', 'hpts_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', role_name);
        END IF;
    END LOOP;
    -- These serve many tenants in one transaction, so row-level security cannot be their wall;
    -- they see no client and their grants are few.
    FOREACH role_name IN ARRAY ARRAY['hpts_engine', 'hpts_deliveries', 'hpts_reconciliation'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN BYPASSRLS', role_name);
        END IF;
    END LOOP;
END
$$;
