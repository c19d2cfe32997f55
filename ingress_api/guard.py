"""Whether the log may be written: its settings before the first command, its identity ever after.

A command acknowledged by a topic that the books do not follow would be lost, so while the log is
another one, or not safe, nothing is accepted and readiness says why and what to do.
"""

import asyncio
from typing import Final

from ingress_api.settings import Settings
from ingress_api.store import Store
from schemas.cluster import (
    Cluster,
    ClusterRefused,
    ClusterUnavailable,
    TopicWatch,
    refuse_weaker,
)
from schemas.topic_policy import TopicIdentity

LOOK_EVERY_S: Final = 0.5
ANSWER_WITHIN_S: Final = 5.0


class Guard:
    """The commands topic of this process. `fault`: why nothing may be accepted; None: it may."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._watch = TopicWatch(
            settings.kafka_bootstrap,
            TopicIdentity(store.commands_topic_id, store.partition_count),
            security=settings.kafka_security,
        )
        self.fault: str | None = None

    async def judge(self) -> str | None:
        """Why this cluster may not be written to, or cannot be asked; None where it may."""
        try:
            await asyncio.to_thread(self._judge)
        except (ClusterRefused, ClusterUnavailable) as error:
            return str(error)
        self.fault = self._watch.fault
        return self.fault

    async def watch(self) -> None:
        """Look again and again; lasts as long as the process."""
        while True:
            self.fault = self._watch.turn()
            await asyncio.sleep(LOOK_EVERY_S)

    def _judge(self) -> None:
        refuse_weaker(
            Cluster(
                self._settings.kafka_bootstrap,
                security=self._settings.kafka_security,
                timeout_s=ANSWER_WITHIN_S,
            ),
            profile=self._settings.profile,
            durability=self._settings.durability or None,
        )
        self._watch.first()
