"""The services, as the API tells of them: readiness, lag, what waits for an operator."""

from collections.abc import Iterator
from typing import Final

from hpts.diagnosis.findings import Finding, judged
from hpts_client import Client, ClientError, Connection, Patience
from hpts_client.queries import LiveOf, OperationsStatusOf, ReadyOf

_AREA: Final = "API"
_MOST_LAG_S: Final = 10
_SOON: Final = Patience(give_up_after_s=3.0)


def look(where: Connection) -> Iterator[Finding]:
    """`where` is an operator's client."""
    with Client.of(where, _SOON) as api:
        try:
            live = api.get(LiveOf())
            yield judged(_AREA, "live", f"{live.version} at {where.api_url}")
            ready = api.get(ReadyOf())
            warnings = "; ".join(f"{k}: {v}" for k, v in (ready.warnings or {}).items())
            see = "see `hpts quarantine list`" if warnings else ""
            yield judged(_AREA, "ready", warnings or ready.status, warn=see)
            status = api.get(OperationsStatusOf())
        except ClientError as error:
            yield judged(_AREA, "answers", str(error), fail="see `hpts status` and the logs")
            return
    late = "are there enough engines? see docs/performance.md" * (status.lag_seconds > _MOST_LAG_S)
    told = f"{status.lag_commands} commands, {status.lag_seconds} s"
    yield judged(_AREA, "lag", told, warn=late)
    waiting = "`hpts quarantine list`" if status.quarantined_count else ""
    yield judged(_AREA, "quarantine", f"{status.quarantined_count} commands", warn=waiting)
    letters = "`hpts dead-letters`" if status.dead_letter_count else ""
    yield judged(_AREA, "dead letters", f"{status.dead_letter_count}", warn=letters)
    fenced = f"{status.fenced_writer_count} writers were kept out, as they should be"
    yield judged(_AREA, "fencing", fenced)
