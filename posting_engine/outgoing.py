"""Sending what waits in `outgoing_commands`: signed, in order, chunks paced by the own position.

Follow-ups go at once. At most two chunks of a partition are sent and not yet applied, so live
payments never stand behind a whole batch. A row is deleted only after the broker has acknowledged
it; a crash in between sends it twice, and the engine recognises the second as a duplicate.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from posting_engine.books import Books
from posting_engine.dead_letters import DeadLetters
from posting_engine.log import Sender
from posting_engine.positions import Position
from schemas import signing
from schemas.crash_points import crash_point
from schemas.signing import SigningKey
from schemas.topics import REPLY_PARTITION_HEADER, SIGNATURE_HEADER, TRACEPARENT_HEADER

CHUNKS_UNAPPLIED: Final = 2
FOLLOW_UP: Final = "follow_up"
MOST: Final = {FOLLOW_UP: 500, "chunk": 2 * CHUNKS_UNAPPLIED}

OutgoingKey = tuple[int, UUID, str]


@dataclass(slots=True)
class _Sent:
    """A command handed to the producer. `offset` is None until the broker acknowledges."""

    key: OutgoingKey
    kind: str
    to_partition: int
    offset: int | None = None
    deleted: bool = False


@dataclass(slots=True)
class Outgoing:
    """The rows of the held partitions that are on their way."""

    books: Books
    sender: Sender
    clock: Callable[[], float] = time.monotonic
    _sent: dict[OutgoingKey, _Sent] = field(default_factory=dict)
    _dead_letters: DeadLetters = field(init=False)

    def __post_init__(self) -> None:
        self._dead_letters = DeadLetters(self.books, self.sender, self.clock)

    def note_dead_letters(self, partition_ids: Iterable[int]) -> None:
        """Something was queued for these partitions to be published, or may have been: by a COMMIT
        whose answer was lost.
        """
        self._dead_letters.note(partition_ids)

    def forget(self, partition_ids: set[int]) -> None:
        """Partitions that are no longer held: their next holder sweeps."""
        self._dead_letters.forget(partition_ids)
        self._sent = {k: s for k, s in self._sent.items() if k[0] not in partition_ids}

    def turn(self, held: Mapping[int, Position], key: SigningKey) -> None:
        """Delete what was acknowledged, then send what the pace allows."""
        self._dead_letters.turn(held)
        acknowledged = [s for s in self._sent.values() if s.offset is not None and not s.deleted]
        if acknowledged:
            crash_point("engine-outgoing-acknowledged")
            self.books.forget_outgoing([sent.key for sent in acknowledged])
            crash_point("engine-outgoing-deleted")
            for sent in acknowledged:
                sent.deleted = True
        self._sent = {k: s for k, s in self._sent.items() if not _is_done(s, held)}
        under_way: dict[int, int] = {}
        for sent in self._sent.values():
            if sent.kind != FOLLOW_UP:
                under_way[sent.key[0]] = under_way.get(sent.key[0], 0) + 1
        free = [p for p in held if under_way.get(p, 0) < CHUNKS_UNAPPLIED]
        for row in self.books.outgoing(follow_ups_of=list(held), chunks_of=free, most=MOST):
            owner = row["partition_id"]
            identity = (owner, row["tenant_id"], row["idempotency_key"])
            is_paced = row["kind"] != FOLLOW_UP
            if identity in self._sent:
                continue
            if is_paced and under_way.get(owner, 0) >= CHUNKS_UNAPPLIED:
                continue
            if not self._send(identity, row, key):
                return  # the producer's queue is full, and nothing later may overtake this one
            if is_paced:
                under_way[owner] = under_way.get(owner, 0) + 1

    def _send(self, identity: OutgoingKey, row: Mapping[str, Any], key: SigningKey) -> bool:
        sent = _Sent(identity, row["kind"], row["to_partition"])

        def acknowledged(offset: int) -> None:
            sent.offset = offset

        handed_over = self.sender.send(
            partition_id=row["to_partition"],
            key=row["record_key"],
            value=row["record_value"],
            headers=_headers(row, key),
            on_sent=acknowledged,
        )
        if handed_over:
            self._sent[identity] = sent
            crash_point("engine-outgoing-sent")
        return handed_over


def _is_done(sent: _Sent, held: Mapping[int, Position]) -> bool:
    if sent.offset is None or not sent.deleted:
        return False
    if sent.kind == FOLLOW_UP:
        return True
    target = held.get(sent.to_partition)
    # What went to a partition that another process holds is done once it is acknowledged.
    return target is None or target.next_offset > sent.offset


def _headers(row: Mapping[str, Any], key: SigningKey) -> list[tuple[str, bytes]]:
    headers = [(SIGNATURE_HEADER, signing.sign(key, row["record_value"]))]
    if row["reply_partition"] is not None:
        headers.append((REPLY_PARTITION_HEADER, str(row["reply_partition"]).encode()))
    if row["traceparent"] is not None:
        headers.append((TRACEPARENT_HEADER, row["traceparent"].encode()))
    return headers
