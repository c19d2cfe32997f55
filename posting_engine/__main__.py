"""`python -m posting_engine`: one engine slot, until SIGTERM or Ctrl-C."""

import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from threading import Event, Thread
from types import FrameType
from typing import Final

import structlog
from pydantic import ValidationError

from posting_engine import log as kafka
from posting_engine.books import Books
from posting_engine.checkpoint_file import CheckpointFile
from posting_engine.checkpoints import Checkpoints
from posting_engine.log_answers import LogUnavailable
from posting_engine.outgoing import Outgoing
from posting_engine.positions import NotTheGroup, SlotTaken, StoreUnavailable
from posting_engine.settings import Settings
from posting_engine.slot import serve
from posting_engine.store import Store
from posting_engine.worker import Identity, Worker
from schemas import json_logs
from schemas.checkpoints import NotAKey, private_key_in
from schemas.cluster import (
    Cluster,
    ClusterRefused,
    ClusterUnavailable,
    TopicWatch,
    refuse_weaker,
)
from schemas.memory import seldom_collected
from schemas.observing import serve_metrics
from schemas.signing import SigningKey
from schemas.spans import spans_of
from schemas.topic_policy import TopicIdentity

_log = structlog.get_logger()

INTERRUPT_AFTER_S: Final = 5.0
GIVE_UP_AFTER_S: Final = 3.0


class NotReady(Exception):
    """The ledger that the settings point at cannot be served; the message says what to do."""


EXPECTED: Final = (
    *(NotReady, NotTheGroup, SlotTaken, StoreUnavailable, LogUnavailable),
    *(ClusterRefused, ClusterUnavailable),
)


def main() -> int:
    """Exit status: 0 stopped as asked, 1 cannot go on, 2 the settings are wrong."""
    try:
        settings = Settings()  # type: ignore[call-arg]  # from the environment
    except ValidationError as error:
        print(error, file=sys.stderr)
        return 2
    json_logs.configure(settings.log_level)
    serve_metrics(settings, lambda why: _log.error("no metrics", reason=why))
    books = Books(settings.engine_postgres_dsn.get_secret_value())
    try:
        _serve(settings, books)
    except EXPECTED as error:
        _log.critical("engine cannot go on", error=str(error))
        return 1
    finally:
        # One more signal on the way out must not turn an orderly end into another one.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        books.close()
    return 0


def _serve(settings: Settings, books: Books) -> None:
    identity = _identity(settings, books)
    refuse_weaker(
        Cluster(settings.kafka_bootstrap, security=settings.kafka_security),
        profile=settings.profile,
        durability=settings.durability or None,
    )
    watch = _watch(settings, identity)
    bases = books.bases(identity.partition_count)
    sender = kafka.Sender(settings.kafka_bootstrap, security=settings.kafka_security, bases=bases)
    outgoing = Outgoing(books, sender)
    ring, spans = books.key_ring(), spans_of("hpts-engine", settings)
    worker = Worker(identity, books, sender, outgoing, ring, watch=watch, spans=spans)
    _refuse_key_out_of_force(worker.ring.get(identity.signing_key_id), identity.signing_key_id)
    _listen(worker.patience.stopping, books)
    group_id = identity.group_id or ""
    checkpoints = _checkpoints(settings, identity, bases)
    seldom_collected()
    if checkpoints is not None:
        checkpoints.start()
    serve(
        worker,
        lambda: kafka.CommandLog(
            bootstrap=settings.kafka_bootstrap,
            group_id=group_id,
            instance_id=f"{group_id}-{settings.engine_slot}",
            on_assign=worker.assigned,
            on_revoke=worker.revoked,
            max_poll_interval_ms=settings.max_poll_interval_ms,
            security=settings.kafka_security,
            bases=bases,
        ),
    )
    if checkpoints is not None:
        checkpoints.finish()
    if spans is not None:
        spans.close()
    sender.close()


def _watch(settings: Settings, identity: Identity) -> TopicWatch:
    """Once it has had its first answer."""
    watch = TopicWatch(
        settings.kafka_bootstrap,
        TopicIdentity(identity.topic_id, identity.partition_count),
        security=settings.kafka_security,
    )
    watch.first()
    return watch


def _refuse_key_out_of_force(key: SigningKey | None, key_id: str) -> None:
    if key is None or not key.may_sign(datetime.now(UTC)):
        raise NotReady(
            f"signing key {key_id} is not in force (see `hpts keys list`), or has no secret here"
        )


def _checkpoints(
    settings: Settings, identity: Identity, bases: Mapping[int, int]
) -> Checkpoints | None:
    """Who signs checkpoints; None, said aloud, where no key is set. A key that is set must work."""
    if settings.checkpoint_key_file is None:
        _log.warning("no checkpoints are signed: HPTS_CHECKPOINT_KEY_FILE names no key")
        return None
    folder = settings.checkpoint_folder
    try:
        key = private_key_in(settings.checkpoint_key_file)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
    except (NotAKey, OSError) as error:
        raise NotReady(f"checkpoints cannot be signed and kept: {error}") from error
    return Checkpoints(
        store=Store(settings.engine_postgres_dsn.get_secret_value()),
        make_sender=lambda: kafka.Sender(
            settings.kafka_bootstrap, security=settings.kafka_security
        ),
        key=key,
        owner=identity.owner,
        file=None if folder is None else CheckpointFile(folder),
        every_s=settings.checkpoint_seconds,
        first_record=lambda p: kafka.first_record(
            settings.kafka_bootstrap, p, bases.get(p, 0), security=settings.kafka_security
        ),
    )


def _listen(stopping: Event, books: Books) -> None:
    """Stop at SIGTERM or Ctrl-C; more of them change nothing.

    A transaction that waits (for a lock, or for a server that does not answer) is given up in
    time: it is rolled back or, if its COMMIT had arrived, found applied by whoever comes next.
    """

    def insist() -> None:
        time.sleep(INTERRUPT_AFTER_S)
        _log.warning("still not stopped: the statement under way is cancelled")
        books.interrupt()
        time.sleep(GIVE_UP_AFTER_S)
        _log.error("still not stopped: ended without waiting any longer")
        os._exit(1)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        if not stopping.is_set():
            stopping.set()
            Thread(target=insist, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _identity(settings: Settings, books: Books) -> Identity:
    pinned = books.settings()
    if pinned is None:
        raise NotReady("the database has no ledger yet: run `hpts migrate`")
    return Identity(
        owner=f"{socket.gethostname()}/{os.getpid()}/slot-{settings.engine_slot}",
        signing_key_id=settings.signing_key_id,
        partition_count=pinned["partition_count"],
        topic_id=pinned["commands_topic_id"],
        batch_records=settings.batch_records,
        group_id=pinned["group_id"],
    )


if __name__ == "__main__":
    sys.exit(main())
