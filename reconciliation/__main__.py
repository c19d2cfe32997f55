"""`python -m reconciliation`: the witness, until SIGTERM or Ctrl-C."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from threading import Thread
from typing import Any, Final

import structlog
from pydantic import ValidationError

from reconciliation import metrics, topic
from reconciliation.audit import Auditor
from reconciliation.entries import Sweep
from reconciliation.gate import Gate
from reconciliation.schedule import Schedule
from reconciliation.settings import Settings
from reconciliation.store import Notebook
from reconciliation.watching import watch
from reconciliation.witness import NotForFaust, Witness, credentials_of
from schemas import health_page, json_logs
from schemas.memory import seldom_collected
from schemas.observing import serve_metrics

_log = structlog.get_logger()
_LOOK_EVERY_S: Final = 1.0
_STOPS_WITHIN_S: Final = 8.0


def main() -> int:
    """Exit status: 0 stopped as asked, 1 cannot go on, 2 the settings are wrong."""
    try:
        settings = Settings()  # type: ignore[call-arg]  # from the environment
    except ValidationError as error:
        print(error, file=sys.stderr)
        return 2
    json_logs.configure(settings.log_level)
    os.nice(settings.reconciliation_nice)
    metrics.note_begun()
    serve_metrics(settings, lambda why: _log.error("no metrics", reason=why))
    try:
        process = _Process(settings)
    except (NotForFaust, OSError) as error:  # a password file that cannot be read
        print(error, file=sys.stderr)
        return 2
    return asyncio.run(process.run())


class _Process:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._gate = Gate()
        self._fault: BaseException | None = None
        security = settings.kafka_security
        self._credentials = credentials_of(security)
        self._has_entry = partial(topic.has_entry, settings.kafka_bootstrap, security)
        dsn = settings.reconciliation_postgres_dsn.get_secret_value()
        notebook = Notebook(dsn)
        auditor = Auditor(
            dsn,
            notebook,
            self._gate,
            Sweep(partial(topic.recall, settings.kafka_bootstrap, security)),
            interval_s=settings.reconciliation_interval_s,
            share=settings.reconciliation_share,
            grace=timedelta(seconds=settings.reconciliation_grace_s),
        )
        self._schedule = Schedule(auditor, notebook, settings.reconciliation_interval_s)

    async def run(self) -> int:
        """The whole life of the process; its exit status."""
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)

        def broken(error: BaseException) -> None:
            _log.critical("the witness broke", exc_info=error)
            self._fault = error
            loop.call_soon_threadsafe(stopped.set)

        told = health_page.serve(
            self._settings.host, self._settings.reconciliation_port, self._ready
        )
        bootstrap = self._settings.kafka_bootstrap
        witness = Witness(bootstrap, self._gate, self._has_entry, broken, self._credentials)
        seldom_collected()
        for name, work in (("runs", self._schedule.keep), ("watch", self._watch)):
            Thread(target=self._keep, args=(work, broken), name=name, daemon=True).start()
        try:
            await witness.start()
            while not stopped.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(stopped.wait(), _LOOK_EVERY_S)
                if (crash := witness.crash()) is not None:
                    broken(crash)
                    break
        finally:
            self._schedule.stopping.set()
            told.shutdown()
            with suppress(TimeoutError):
                await asyncio.wait_for(witness.stop(), _STOPS_WITHIN_S)
        return 0 if self._fault is None else 1

    def _watch(self) -> None:
        dsn = self._settings.reconciliation_postgres_dsn.get_secret_value()
        watch(Notebook(dsn), self._gate, self._schedule.stopping)

    @staticmethod
    def _keep(work: Callable[[], None], broken: Callable[[BaseException], None]) -> None:
        try:
            work()
        except BaseException as error:
            broken(error)
            raise

    def _ready(self) -> tuple[bool, Mapping[str, Any]]:
        fault = self._schedule.fault
        told = {"last_run": self._schedule.state, "stands_at": self._gate.stands_at()}
        return fault is None, {"not_ready": {"runs": fault}, **told} if fault else told


if __name__ == "__main__":
    sys.exit(main())
