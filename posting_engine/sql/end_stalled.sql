-- End the sessions of engines that stand still in a transaction. A process stopped between two
-- statements of a pipeline is "active" for Postgres, waiting for its client with the positions
-- locked, and no timeout of the server's ends that; its successor does.
-- Parameters: application_name. Result: the ended process ids. Locks: none.
-- MATERIALIZED: the planner must not end sessions before it has chosen which.
WITH stalled AS MATERIALIZED (
    SELECT pid FROM pg_stat_activity
    WHERE application_name = %(application_name)b::text AND usename = current_user
      AND datname = current_database() AND pid <> pg_backend_pid()
      AND xact_start IS NOT NULL AND wait_event = 'ClientRead'
      AND state_change < clock_timestamp() - interval '5 seconds'
)
SELECT pid FROM stalled WHERE pg_terminate_backend(pid);
