"""`python -m deliveries`: publishes the journal and tells webhooks, until SIGTERM or Ctrl-C."""

import signal
import sys
from collections.abc import Mapping
from threading import Thread
from typing import Any, Final

import structlog
from pydantic import ValidationError

from deliveries.journal_publisher import JournalPublisher
from deliveries.lag import Lag
from deliveries.parts import Part, Parts
from deliveries.settings import Settings
from deliveries.store import Store, StoreUnavailable, partition_count_in
from deliveries.topic import Sender, TopicUnavailable, ends_of
from deliveries.watching import watch
from deliveries.webhooks import parts as webhooks
from schemas import health_page, json_logs
from schemas.cluster import Cluster, refuse_weaker
from schemas.memory import seldom_collected
from schemas.observing import serve_metrics
from schemas.topics import JOURNAL

_log = structlog.get_logger()
_LAST_WITHIN_S: Final = 3.0


def main() -> int:
    """Exit status: 0 stopped as asked, 1 cannot go on, 2 the settings are wrong."""
    try:
        settings = Settings()  # type: ignore[call-arg]  # from the environment
    except ValidationError as error:
        print(error, file=sys.stderr)
        return 2
    json_logs.configure(settings.log_level)
    serve_metrics(settings, lambda why: _log.error("no metrics", reason=why))
    dsn = settings.deliveries_postgres_dsn.get_secret_value()
    parts = Parts()
    parts.add("journal_topic", lambda part: _publish(settings, part))
    parts.add("webhook_queues", lambda part: webhooks.queue(settings, part))
    parts.add("webhooks", lambda part: webhooks.tell(settings, part))
    parts.add("metrics", lambda part: watch(dsn, part))
    for number in (signal.SIGTERM, signal.SIGINT):
        # By another thread: the main one may be interrupted while it holds the event's lock.
        signal.signal(number, lambda *_: Thread(target=parts.stopping.set).start())
    lag = Lag(Store(dsn, application=_name("lag")))

    def ready() -> tuple[bool, Mapping[str, Any]]:
        faults = parts.faults()
        return not faults, {"not_ready": faults, "lag": lag.now()}

    try:
        told = health_page.serve(settings.host, settings.deliveries_port, ready)
    except OSError as error:
        _log.critical("health cannot be told", port=settings.deliveries_port, error=str(error))
        return 1
    seldom_collected()
    is_well = parts.run()
    told.shutdown()
    return 0 if is_well else 1


def _publish(settings: Settings, part: Part) -> None:
    """The part that publishes the journal."""
    bootstrap, security = settings.kafka_bootstrap, settings.kafka_security
    cluster = Cluster(bootstrap, security=security)
    refuse_weaker(cluster, profile=settings.profile, durability=settings.durability or None)
    topic_id = cluster.describe([JOURNAL])[JOURNAL].topic_id
    store = Store(
        settings.deliveries_postgres_dsn.get_secret_value(),
        application=_name("journal-topic"),
        has_raw_ids=True,
    )
    try:
        publisher = JournalPublisher(
            store,
            Sender(bootstrap, security),
            topic_id,
            partition_count_in(store),
            lambda partition_ids: ends_of(bootstrap, partition_ids, security),
        )
        while not part.stopping.is_set():
            publisher.turn()
            part.works()
        try:
            publisher.finish(_LAST_WITHIN_S)
        except (StoreUnavailable, TopicUnavailable) as error:
            _log.warning("the last entries may be published again", error=str(error))
    finally:
        store.close()


def _name(part: str) -> str:
    return f"hpts-deliveries/{part}"


if __name__ == "__main__":
    sys.exit(main())
