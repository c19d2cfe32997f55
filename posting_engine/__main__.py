"""`python -m posting_engine`: one engine slot, until SIGTERM or Ctrl-C."""

import logging
import os
import signal
import socket
import sys
from types import FrameType

import structlog
from pydantic import ValidationError

from posting_engine import log as kafka
from posting_engine.books import Books
from posting_engine.outgoing import Outgoing
from posting_engine.positions import StoreUnavailable
from posting_engine.settings import Settings
from posting_engine.slot import serve
from posting_engine.worker import Identity, Worker

_log = structlog.get_logger()


class NotReady(Exception):
    """The ledger that the settings point at cannot be served; the message says what to do."""


def main() -> int:
    """Exit status: 0 stopped as asked, 1 cannot go on, 2 the settings are wrong."""
    try:
        settings = Settings()  # type: ignore[call-arg]  # from the environment
    except ValidationError as error:
        print(error, file=sys.stderr)
        return 2
    _configure_logs(settings.log_level)
    books = Books(settings.engine_postgres_dsn.get_secret_value())
    try:
        _serve(settings, books)
    except (NotReady, kafka.LogUnavailable, StoreUnavailable) as error:
        _log.critical("engine cannot go on", error=str(error))
        return 1
    finally:
        books.close()
    return 0


def _serve(settings: Settings, books: Books) -> None:
    identity, group_id = _identity(settings, books)
    sender = kafka.Sender(settings.kafka_bootstrap)
    worker = Worker(identity, books, sender, Outgoing(books, sender), books.key_ring())
    if identity.signing_key_id not in worker.ring:
        raise NotReady(
            f"signing key {identity.signing_key_id} is not in signing_keys, or has no secret here"
        )

    def stop(_signal: int, _frame: FrameType | None) -> None:
        worker.patience.stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    serve(
        worker,
        lambda: kafka.CommandLog(
            bootstrap=settings.kafka_bootstrap,
            group_id=group_id,
            instance_id=f"{group_id}-{settings.engine_slot}",
            on_assign=worker.assigned,
            on_revoke=worker.revoked,
        ),
    )
    sender.close()


def _identity(settings: Settings, books: Books) -> tuple[Identity, str]:
    pinned = books.settings()
    if pinned is None:
        raise NotReady("the database has no ledger yet: run `hpts migrate`")
    topic = kafka.identify(settings.kafka_bootstrap)
    if topic.partition_count != pinned["partition_count"]:
        raise NotReady(
            f"the commands topic has {topic.partition_count} partitions and the ledger was made "
            f"with {pinned['partition_count']}; the count is for life: restore the topic"
        )
    identity = Identity(
        owner=f"{socket.gethostname()}/{os.getpid()}/slot-{settings.engine_slot}",
        signing_key_id=settings.signing_key_id,
        partition_count=topic.partition_count,
        topic_id=topic.topic_id,
        batch_records=settings.batch_records,
    )
    return identity, pinned["group_id"]


def _configure_logs(level: str) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


if __name__ == "__main__":
    sys.exit(main())
