"""For the metrics, looks now and then at how far behind all that leaves is, whoever sends it."""

import time
from typing import Final

from deliveries import metrics
from deliveries.parts import Part
from deliveries.store import Store

LOOK_EVERY_S: Final = 5.0
SHARE_OF_TIME: Final = 20
"""A look that took long is followed by a pause this many times as long."""


def watch(dsn: str, part: Part) -> None:
    """Look until asked to stop. Raises `StoreUnavailable`."""
    store = Store(dsn, application="hpts-deliveries/watch")
    while not part.stopping.is_set():
        begun_at = time.monotonic()
        try:
            lag = store.rows("load_lag_of_partitions")
            [webhooks] = store.rows("count_webhooks")
        finally:
            store.close()
        metrics.note_looked(lag, webhooks)
        part.works()
        part.stopping.wait(max(LOOK_EVERY_S, SHARE_OF_TIME * (time.monotonic() - begun_at)))
