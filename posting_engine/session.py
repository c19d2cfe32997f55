"""The settings of the engine's session with Postgres."""

from typing import Final

# Look-ups by key are always right here, and a hash join over a whole table never is. One plan a
# statement, made anew about once a second (`forget_plans`), costs less than one an execution.
_PLANNER: Final = (
    "-c enable_hashjoin=off -c enable_mergejoin=off -c enable_seqscan=off -c enable_bitmapscan=off "
    "-c plan_cache_mode=force_generic_plan"
)
# A process that stands still in a transaction must not keep its locks (see also end_stalled.sql).
# One that waits for a lock looks up now and then, so that it goes on polling Kafka and can be
# stopped. One that waits to commit must not be cancelled by a clock: it may have committed here and
# not on a standby.
_SAFETY: Final = (
    "-c idle_in_transaction_session_timeout=5s -c lock_timeout=3s "
    "-c synchronous_commit=on -c statement_timeout=0"
)
APPLICATION: Final = "hpts-posting-engine"


def options_of(schema: str) -> str:
    """The session's options for books that stand in a schema (its name needs no quotes)."""
    return f"-c search_path={schema},hpts_edge -c timezone=UTC {_PLANNER} {_SAFETY}"


OPTIONS: Final = options_of("hpts")
