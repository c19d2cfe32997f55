"""An engine slot's life: join the group, work, and join again after being fenced."""

from collections.abc import Callable

import structlog

from posting_engine.log import CommandLog
from posting_engine.positions import Fenced, StoreUnavailable
from posting_engine.worker import Worker

_log = structlog.get_logger()


def serve(worker: Worker, join: Callable[[], CommandLog]) -> None:
    """Work until asked to stop; then give the leases back. `join` opens the log as a member.

    Raises `LogUnavailable` when the process must be started anew.
    """
    while not worker.patience.stopping.is_set():
        log = join()
        try:
            worker.run(log)
        except Fenced as fenced:
            _log.error("fenced: rejoining", reason=str(fenced))
            worker.drop()
        except StoreUnavailable as error:
            # It is waited for without limit, but not by a process that was asked to stop.
            if not worker.patience.stopping.is_set():
                raise
            _log.warning("stopped while postgres was away", error=str(error))
        finally:
            log.close()
    worker.revoked(list(worker.held))
