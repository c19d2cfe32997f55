"""The loop: take records, decide them, record the verdict, announce.

    take -> examine -> open pages -> decide -> record (one transaction) -> announce

Why a batch is applied exactly once: the transaction that writes a batch also moves the position
of its partitions, guarded by offset and lease epoch. Whatever fails, the positions read back
from Postgres say which records have been applied, and reading goes on from there; a process
that has lost a lease finds its epoch gone and drops all it holds (`Fenced`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, TypeVar

import structlog

from posting_engine import halts
from posting_engine.batch import Item, Verdict, decide_batch, runs
from posting_engine.books import Books
from posting_engine.log import CommandLog, LostPosition, Sender
from posting_engine.outgoing import Outgoing
from posting_engine.positions import DataRefused, Fenced, Position, StoreUnavailable
from posting_engine.records import DeadLetter, Record, UnknownToThisBuild, examine
from schemas import codec, signing
from schemas.commands import AnyCommand
from schemas.signing import SigningKey
from schemas.topics import SIGNATURE_HEADER

_log = structlog.get_logger()

IDLE_WAIT_SECONDS: Final = 0.02
"""How long a take waits for its first record, and so how soon an outgoing chunk is noticed."""

REACHED_EVERY_SECONDS: Final = 1.0
CLOCK_SLACK: Final = timedelta(seconds=2)
"""Standing at the log's end at T + 2 s, a partition has reached T (design section 3)."""

MOST_BACK_OFF_SECONDS: Final = 2.0

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who this engine is and which ledger it serves."""

    owner: str
    signing_key_id: str
    partition_count: int
    topic_id: str
    batch_records: int


@dataclass(slots=True)
class Worker:
    """One engine slot. `held` are the partitions whose lease this process took."""

    identity: Identity
    books: Books
    sender: Sender
    outgoing: Outgoing
    ring: dict[str, SigningKey]
    held: dict[int, Position] = field(default_factory=dict)
    is_stopping: bool = False
    _reader: CommandLog | None = None
    _due: dict[int, int] = field(default_factory=dict)
    _to_halt: dict[int, str] = field(default_factory=dict)
    _halted: set[int] = field(default_factory=set)
    _unverified: set[int] = field(default_factory=set)
    _rereading: set[int] = field(default_factory=set)
    _passed_over: set[int] = field(default_factory=set)
    _is_ring_fresh: bool = False
    _reached_due_at: float = 0.0
    _outgoing_due_at: float = 0.0

    def run(self, log: CommandLog) -> None:
        """Work until `is_stopping`; raises `Fenced` when another process has taken over."""
        self._reader = log
        while not self.is_stopping:
            taken = log.take(self.identity.batch_records, IDLE_WAIT_SECONDS)
            self._is_ring_fresh = False
            self._passed_over.clear()
            try:
                for lost in (t for t in taken if isinstance(t, LostPosition)):
                    self._halt(lost.partition_id, halts.lost(lost.reason))
                while self._to_halt:
                    self._halt(*self._to_halt.popitem())
                self._apply([t for t in taken if isinstance(t, Record)])
                self._send_outgoing()
                self._note_reached()
            except StoreUnavailable as error:
                _log.warning("postgres unavailable", error=str(error))
                self._resync()
            self.sender.serve()

    def assigned(self, partition_ids: Sequence[int]) -> Mapping[int, int]:
        """Take the leases; where to read each partition from. Called from inside `take`."""
        positions = self._until_available(
            lambda: self.books.take_leases(partition_ids, self.identity.owner)
        )
        offsets: dict[int, int] = {}
        for partition_id, position in positions.items():
            self.held[partition_id] = position
            self._due[partition_id] = position.next_offset
            # The last applied record is read again, to see that the log still holds it.
            has_witness = position.next_offset > 0 and position.last_record_hash is not None
            if has_witness:
                self._unverified.add(partition_id)
            offsets[partition_id] = position.next_offset - has_witness
            if position.topic_id != self.identity.topic_id:
                self._to_halt[partition_id] = halts.foreign(position, self.identity.topic_id)
        _log.info("assigned", positions={p: self.held[p].next_offset for p in offsets})
        return offsets

    def revoked(self, partition_ids: Sequence[int]) -> None:
        """Stop writing these partitions."""
        released = [self.held.pop(p) for p in partition_ids if p in self.held]
        self.outgoing.forget(set(partition_ids))
        self._halted.difference_update(partition_ids)
        self._unverified.difference_update(partition_ids)
        self._rereading.difference_update(partition_ids)
        try:
            self.books.release_leases(released)
        except StoreUnavailable as error:
            # Only for people: the next holder's epoch is what counts.
            _log.warning("lease not released", error=str(error))
        _log.info("revoked", partitions=list(partition_ids))

    def drop(self) -> None:
        """Forget everything: another process writes now, and what is in memory is worthless."""
        self.outgoing.forget(set(self.held))
        for state in (self.held, self._due, self._halted, self._unverified, self._rereading):
            state.clear()

    def _apply(self, records: Sequence[Record]) -> None:
        items = [item for record in records if (item := self._item_of(record)) is not None]
        for run in runs(items):
            try:
                self._post(run)
            except DataRefused:
                self._find_refused(run)

    def _item_of(self, record: Record) -> Item | None:
        """The record as an item of the batch; None when it is not to be applied now."""
        partition_id = record.partition_id
        if partition_id not in self.held or partition_id in self._halted:
            return None
        if partition_id in self._unverified:
            self._verify(record)
            return None
        due = self._due[partition_id]
        if record.offset != due:
            self._reread(partition_id, due=due, came=record.offset)
            return None
        self._rereading.discard(partition_id)
        try:
            item = Item(record, self._examined(record))
        except DeadLetter as letter:
            _log.error("dead letter", partition=partition_id, offset=due, reason=str(letter))
            item = Item(record, str(letter))
        except UnknownToThisBuild as unknown:
            self._halt(partition_id, f"offset {record.offset}: {unknown}")
            return None
        self._due[partition_id] = due + 1
        return item

    def _reread(self, partition_id: int, *, due: int, came: int) -> None:
        """Ask once more for an offset that was passed over: clients have been known to skip."""
        if partition_id in self._passed_over:
            return  # the rest of this take; what matters is what comes after the seek
        if partition_id in self._rereading:
            self._halt(partition_id, halts.gap(due, came))
            return
        _log.warning("offset passed over", partition=partition_id, due=due, came=came)
        self._rereading.add(partition_id)
        self._passed_over.add(partition_id)
        if self._reader is not None:
            self._reader.seek({partition_id: due})

    def _examined(self, record: Record) -> AnyCommand:
        key_id = signing.key_id_of(record.header(SIGNATURE_HEADER))
        if key_id is not None and key_id not in self.ring and not self._is_ring_fresh:
            self.ring = self.books.key_ring()
            self._is_ring_fresh = True
        return examine(record, self.ring, self.identity.partition_count)

    def _verify(self, record: Record) -> None:
        position = self.held[record.partition_id]
        same_place = record.offset == position.next_offset - 1
        if same_place and record.hash == position.last_record_hash:
            self._unverified.discard(record.partition_id)
        else:
            self._halt(record.partition_id, halts.rewritten(position, record.offset))

    def _post(self, run: Sequence[Item]) -> None:
        items = [i for i in run if i.record.partition_id not in self._halted]
        before = {p: self.held[p] for p in {i.record.partition_id for i in items}}
        if not items:
            return
        pages = self.books.open_pages(items, before)
        verdict = decide_batch(items, pages.by_partition, pages.earlier, before)
        if any(verdict.after[p] != before[p] for p in before):
            self.books.record(verdict, pages)
            self.held.update(verdict.after)
            self._announce(verdict)
        for partition_id, reason in verdict.halts.items():
            self._halt(partition_id, reason)

    def _find_refused(self, run: Sequence[Item]) -> None:
        """Apply one by one what Postgres refused together; halt where one alone is refused."""
        # A zombie's rows collide with its successor's: first see whether the lease still holds.
        self._refresh_positions()
        for item in run:
            record = item.record
            try:
                self._post([item])
            except DataRefused as refused:
                self._halt(record.partition_id, halts.refused(record.offset, str(refused)))

    def _announce(self, verdict: Verdict) -> None:
        for reply_partition, outcome in verdict.announcements:
            if reply_partition is not None:
                value = codec.encode(outcome)
                self.sender.announce(reply_partition, outcome.command_id.bytes, value)
        _log.debug(
            "batch",
            outcomes=len(verdict.outcomes),
            entries=len(verdict.links),
            dead_letters=len(verdict.dead_letters),
        )

    def _send_outgoing(self) -> None:
        if time.monotonic() >= self._outgoing_due_at:
            self.outgoing.turn(self._running(), self.ring[self.identity.signing_key_id])
            self._outgoing_due_at = time.monotonic() + IDLE_WAIT_SECONDS

    def _note_reached(self) -> None:
        if self._reader is None or time.monotonic() < self._reached_due_at:
            return
        running = self._running()
        if not self._reader.is_asking:
            self._reader.ask_ends(running)
            return
        if (answer := self._reader.ends()) is None:
            return
        self._reached_due_at = time.monotonic() + REACHED_EVERY_SECONDS
        self.books.forget_plans()
        asked_at, ends = answer
        at_end = [
            replace(position, reached_at=max(position.reached_at, asked_at - CLOCK_SLACK))
            for p, position in running.items()
            if position.next_offset >= ends.get(p, position.next_offset + 1)
        ]
        if at_end:
            self.books.note_reached(at_end)

    def _running(self) -> dict[int, Position]:
        return {p: position for p, position in self.held.items() if p not in self._halted}

    def _halt(self, partition_id: int, reason: str) -> None:
        self._halted.add(partition_id)
        _log.critical("partition halted", partition=partition_id, reason=reason)
        if self._reader is not None:
            self._reader.pause(partition_id)
        if (position := self.held.get(partition_id)) is not None:
            self.books.note_halt(position, reason)

    def _resync(self) -> None:
        """Find out from Postgres what has been applied, and read on from there."""
        self._until_available(self._refresh_positions)
        self._due = {p: position.next_offset for p, position in self.held.items()}
        if self._reader is not None and self.held:
            self._reader.seek({p: self._due[p] - (p in self._unverified) for p in self._running()})

    def _refresh_positions(self) -> None:
        found = self.books.positions(list(self.held))
        for partition_id, position in self.held.items():
            now = found.get(partition_id)
            if now is None or now.lease_epoch != position.lease_epoch:
                raise Fenced(f"partition {partition_id} was taken by another process")
        self.held.update(found)

    def _until_available(self, attempt: Callable[[], Result]) -> Result:
        """Retry without limit, with back-off: an infrastructure fault never costs a command."""
        wait_seconds = 0.05
        while True:
            try:
                return attempt()
            except StoreUnavailable as error:
                if self.is_stopping:
                    raise
                _log.warning("waiting for postgres", error=str(error), seconds=wait_seconds)
                time.sleep(wait_seconds)
                wait_seconds = min(2 * wait_seconds, MOST_BACK_OFF_SECONDS)
