"""How far what has left is behind what was posted, for health."""

from threading import Lock
from typing import Any

from deliveries.store import Store, StoreUnavailable


class Lag:
    """Asked by any thread, one at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = Lock()

    def now(self) -> dict[str, Any]:
        """Name of a cursor -> entries and seconds; why it is not known, where it is not."""
        with self._lock:
            try:
                rows = self._store.rows("load_lag")
            except StoreUnavailable as error:
                return {"unknown": str(error)}
            finally:
                self._store.close()
        return {row.pop("name"): row for row in rows}
