"""The two parts of the process that webhooks are made of: queueing, and telling."""

import asyncio
import time
from typing import Final

from deliveries.parts import Part
from deliveries.settings import Settings
from deliveries.store import Store, partition_count_in
from deliveries.webhooks.dispatcher import Dispatcher, Limits
from deliveries.webhooks.fan_out import FanOut
from deliveries.webhooks.network import Network
from schemas.webhook_targets import names_in

IDLE_S: Final = 0.1
SWEEP_EVERY_S: Final = 1.0


def queue(settings: Settings, part: Part) -> None:
    """Queue what is posted, until asked to stop."""
    store = _store(settings, "fan-out")
    try:
        fan_out = FanOut(store, partition_count_in(store), settings.webhook_kept_days)
        sweep_at = 0.0
        while not part.stopping.is_set():
            has_more = fan_out.turn()
            if time.monotonic() >= sweep_at:
                fan_out.sweep()
                sweep_at = time.monotonic() + SWEEP_EVERY_S
            part.works()
            if not has_more:
                part.stopping.wait(IDLE_S)
    finally:
        store.close()


def tell(settings: Settings, part: Part) -> None:
    """Tell endpoints, until asked to stop."""
    store = _store(settings, "dispatcher")
    limits = Limits(
        schedule=settings.webhook_retry_seconds,
        timeout_s=settings.webhook_timeout_seconds,
        most_at_once=settings.webhook_most_at_once,
        most_per_endpoint=settings.webhook_most_per_endpoint,
    )

    async def run() -> None:
        ca_file = settings.webhook_ca_file
        network = Network(
            names_in(settings.webhook_allowed), None if ca_file is None else str(ca_file)
        )
        try:
            await Dispatcher(store, network, limits, part.works).run(part.stopping.is_set)
        finally:
            await network.close()

    try:
        asyncio.run(run())
    finally:
        store.close()


def _store(settings: Settings, name: str) -> Store:
    dsn = settings.deliveries_postgres_dsn.get_secret_value()
    return Store(dsn, application=f"hpts-deliveries/{name}")
