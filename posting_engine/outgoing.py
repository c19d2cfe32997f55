"""Sending what waits in `outgoing_commands`: signed, in order, chunks paced by the own position.

Follow-ups go at once. At most two chunks of a partition are sent and not yet applied, and a few of
all partitions, so live payments never stand behind a whole batch. A row is deleted only after the
broker has acknowledged it; a crash in between sends it twice, and the engine recognises the second
as a duplicate.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import structlog

from posting_engine.books import Books
from posting_engine.dead_letters import DeadLetters
from posting_engine.log import Sender
from posting_engine.positions import Position
from schemas import signing
from schemas.crash_points import crash_point
from schemas.signing import SigningKey
from schemas.topics import REPLY_PARTITION_HEADER, SIGNATURE_HEADER, TRACEPARENT_HEADER

_log = structlog.get_logger()

CHUNKS_UNAPPLIED: Final = 2
"""Of one partition."""
CHUNKS_UNDER_WAY: Final = 4
"""Of all partitions together: what one turn of the worker applies, and the next. A payment may have
to wait for all of them.
"""
CHUNKS_WHILE_QUIET: Final = 12
"""The same while there are no payments."""
CHUNK: Final = "chunk"
FOLLOW_UP: Final = "follow_up"
MOST_FOLLOW_UPS: Final = 500

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
    _last_sent: dict[int, int] = field(default_factory=dict)
    _turns: int = 0
    _told_at: float = float("-inf")
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

    def turn(
        self, held: Mapping[int, Position], key: SigningKey, *, is_quiet: bool = False
    ) -> None:
        """Delete what was acknowledged, then send what the pace allows. `is_quiet`: nobody but
        chunks has been there of late.
        """
        self._dead_letters.turn(held)
        acknowledged = [s for s in self._sent.values() if s.offset is not None and not s.deleted]
        if acknowledged:
            crash_point("engine-outgoing-acknowledged")
            self.books.forget_outgoing([sent.key for sent in acknowledged])
            crash_point("engine-outgoing-deleted")
            for sent in acknowledged:
                sent.deleted = True
        self._sent = {k: s for k, s in self._sent.items() if not _is_done(s, held)}
        if not key.may_sign(datetime.now(UTC)):
            self._tell_of(key)
            return
        in_all = MOST_FOLLOW_UPS * len(held)
        for row in self.books.outgoing(FOLLOW_UP, list(held), most=MOST_FOLLOW_UPS, in_all=in_all):
            if _identity(row) not in self._sent and not self._send(row, key):
                return  # the producer's queue is full, and nothing later may overtake this one
        self._send_chunks(held, key, CHUNKS_WHILE_QUIET if is_quiet else CHUNKS_UNDER_WAY)

    def _tell_of(self, key: SigningKey) -> None:
        """What would be signed now would be a dead letter, so it waits for the next key."""
        if self.clock() >= self._told_at + signing.RING_AGE_S:
            self._told_at = self.clock()
            _log.critical(
                "nothing is sent: the signing key has ended; restart with HPTS_SIGNING_KEY_ID set "
                "to one that is in force",
                key_id=key.key_id,
            )

    def _send_chunks(
        self, held: Mapping[int, Position], key: SigningKey, most_under_way: int
    ) -> None:
        """Send chunks as far as the pace allows, first of those partitions that waited longest."""
        chunks = [sent for sent in self._sent.values() if sent.kind == CHUNK]
        under_way = Counter(sent.key[0] for sent in chunks)
        still_rows = Counter(sent.key[0] for sent in chunks if not sent.deleted)
        room = most_under_way - len(chunks)
        free = [p for p in held if under_way[p] < CHUNKS_UNAPPLIED]
        if room <= 0 or not free:
            return
        free.sort(key=lambda p: (under_way[p], self._last_sent.get(p, 0)))
        # Chunks are large, so no more of them are read than may go, beside those that are sent.
        most = max(CHUNKS_UNAPPLIED - under_way[p] + still_rows[p] for p in free)
        in_all = room + sum(still_rows[p] for p in free)
        for row in self.books.outgoing(CHUNK, free, most=most, in_all=in_all):
            owner = row["partition_id"]
            if _identity(row) in self._sent or under_way[owner] >= CHUNKS_UNAPPLIED or room <= 0:
                continue
            if not self._send(row, key):
                return
            room -= 1
            under_way[owner] += 1
            self._turns += 1
            self._last_sent[owner] = self._turns

    def _send(self, row: Mapping[str, Any], key: SigningKey) -> bool:
        identity = _identity(row)
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


def _identity(row: Mapping[str, Any]) -> OutgoingKey:
    return row["partition_id"], row["tenant_id"], row["idempotency_key"]


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
