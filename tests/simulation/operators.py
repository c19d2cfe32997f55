"""Commands that break until a mended build is there, and the operators who resume or reject them.

A payment whose description is `BREAKS` breaks a rule while it is decided before `MENDED_AT`, by
the time of its place in the log: so what breaks follows from the log alone, also in a replay.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

from posting_engine.posting import decide
from posting_engine.posting.journal import BrokenInvariant
from posting_engine.posting.page import Decision, Page, Place
from schemas.commands import Payment
from schemas.quarantine import QuarantineReject, QuarantineResume
from tests.simulation.clients import Clients
from tests.simulation.request import BREAKS
from tests.simulation.world import BEGINNING

TROUBLED_SECONDS: Final = 30.0
MENDED_AFTER_SECONDS: Final = TROUBLED_SECONDS + 5.0
MENDED_AT: Final = BEGINNING + timedelta(seconds=MENDED_AFTER_SECONDS)


@contextmanager
def a_build_that_breaks() -> Iterator[None]:
    """Payments that say so break a rule, until they do not."""
    receive = decide.DECIDERS[Payment]

    def break_or_receive(command: Payment, place: Place, page: Page) -> Decision:
        if command.description == BREAKS and place.posted_at < MENDED_AT:
            raise BrokenInvariant("a rule that this build has wrong")
        return receive(command, place, page)

    decide.DECIDERS[Payment] = break_or_receive
    try:
        yield
    finally:
        decide.DECIDERS[Payment] = receive


class Operators:
    """They look at what is quarantined, too early at times, and decide."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._decided = 0
        self._due_at = 0.0

    def start(self, seconds: float) -> None:
        """Now and then, while everything fails."""
        chance, world = self._clients.world.chance, self._clients.world
        for _ in range(3):
            world.after(chance.uniform(seconds / 3, seconds), self.look)

    def look(self) -> bool:
        """Decide about every loan that stands still; whether there was none."""
        clients, world = self._clients, self._clients.world
        heads: dict[tuple[Any, ...], dict[str, Any]] = {}
        waiting = clients.server.tables["quarantined_commands"]
        for key in sorted(waiting, key=lambda key: (key[0], key[3])):
            heads.setdefault(key[:3], waiting[key])
        if not heads:
            return True
        if world.calm and (world.now < MENDED_AFTER_SECONDS + 6.0 or world.now < self._due_at):
            return False
        self._due_at = world.now + 5.0
        for head in heads.values():
            self._decide(head)
        return False

    def _decide(self, head: dict[str, Any]) -> None:
        clients, chance = self._clients, self._clients.world.chance
        self._decided += 1
        named: dict[str, Any] = {
            "tenant_id": head["tenant_id"],
            "idempotency_key": f"resolution{self._decided}",
            "fingerprint": b"r" * 32,
            "accepted_at": clients.world.wall_clock(),
            "actor": "an operator",
            "command_id": head["command_id"],
            "partition_id": head["partition_id"],
            "loan_id": head["loan_id"],
        }
        rejects = head["command_type"] == "Payment" and chance.random() < 0.3
        clients.world.fault("operator rejects" if rejects else "operator resumes", "operator")
        clients.send(
            QuarantineReject(**named, explanation="not ours")
            if rejects
            else QuarantineResume(**named)
        )
