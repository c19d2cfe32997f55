"""The loop: take records, decide them, record the verdict, announce.

    take -> examine -> open pages -> decide -> record (one transaction) -> announce

Why a batch is applied exactly once: the transaction that writes a batch also moves the position
of its partitions, guarded by offset and lease epoch. Whatever fails, the positions read back
from Postgres say which records have been applied, and reading goes on from there; a process
that has lost a lease finds its epoch gone and drops all it holds (`Fenced`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from posting_engine import halts
from posting_engine.announcing import announce
from posting_engine.applying import Applying
from posting_engine.backlog import Backlog
from posting_engine.books import Books
from posting_engine.client_settings import BATCH_BYTES
from posting_engine.contiguity import Contiguity, Turn
from posting_engine.log import CommandLog, Sender
from posting_engine.log_answers import LostPosition
from posting_engine.outgoing import Outgoing
from posting_engine.patience import Patience
from posting_engine.positions import Fenced, Position, SlotTaken, StoreUnavailable
from posting_engine.reached import LogEnds, watch_clock
from posting_engine.records import Content, DeadLetter, Record, UnknownToThisBuild, examine
from posting_engine.verdict import Item
from schemas import signing
from schemas.cluster import TopicWatch
from schemas.crash_points import crash_point
from schemas.signing import SigningKey
from schemas.spans import Spans
from schemas.topics import SIGNATURE_HEADER

_log = structlog.get_logger()

IDLE_WAIT_SECONDS: Final = 0.02
LOOKED_THROUGH: Final = 1_000
"""How long a take waits for its first record, and so how soon an outgoing chunk is noticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who this engine is and which ledger it serves."""

    owner: str
    signing_key_id: str
    partition_count: int
    topic_id: str
    batch_records: int
    group_id: str | None = None


@dataclass(slots=True)
class Worker:
    """One engine slot. `held` are the partitions whose lease this process took; `clock` counts
    seconds from anywhere, never going back.
    """

    identity: Identity
    books: Books
    sender: Sender
    outgoing: Outgoing
    ring: dict[str, SigningKey]
    held: dict[int, Position] = field(default_factory=dict)
    patience: Patience = field(default_factory=Patience)
    clock: Callable[[], float] = time.monotonic
    watch: TopicWatch | None = None
    spans: Spans | None = None
    _reader: CommandLog | None = None
    _backlog: Backlog = field(default_factory=Backlog)
    _sequence: Contiguity = field(default_factory=Contiguity)
    _to_halt: dict[int, str] = field(default_factory=dict)
    _halted: set[int] = field(default_factory=set)
    _is_ring_fresh: bool = False
    _ring_due_at: float = 0.0
    _outgoing_due_at: float = 0.0
    _ends: LogEnds = field(default_factory=LogEnds)

    def run(self, log: CommandLog) -> None:
        """Work until asked to stop; raises `Fenced` when another process has taken over."""
        self._reader = log
        while not self.patience.stopping.is_set():
            taken = self._take(log)
            if taken:
                crash_point("engine-polled")
            self._is_ring_fresh = False
            self._sequence.begin_take()
            try:
                if self.clock() >= self._ring_due_at:
                    self._read_ring()
                self._watch_the_topic(is_to_apply=bool(taken or self._backlog))
                if self.patience.stopping.is_set():
                    break  # what was taken is not confirmed, and is taken again by the next
                for lost in (t for t in taken if isinstance(t, LostPosition)):
                    self._halt(lost.partition_id, halts.lost(lost.reason))
                for partition_id, reason in tuple(self._to_halt.items()):
                    self._halt(partition_id, reason)
                self._keep([t for t in taken if isinstance(t, Record)])
                self._post(self._backlog.turn(self.clock()))
                self._send_outgoing()
                self._note_reached()
            except StoreUnavailable as error:
                _log.warning("postgres unavailable", error=str(error))
                self.patience.wait()
                self._resync()
            self.sender.serve()

    def _take(self, log: CommandLog) -> list[Record | LostPosition]:
        """What the log has now; without a wait while anything is still to be applied."""
        most = self.identity.batch_records - len(self._backlog)
        is_full = most <= 0 or self._backlog.value_bytes >= BATCH_BYTES
        return [] if is_full else log.take(most, 0.0 if self._backlog else IDLE_WAIT_SECONDS)

    def assigned(self, partition_ids: Sequence[int]) -> Mapping[int, int]:
        """Take the leases; where to read each partition from. Called from inside `take`."""
        positions = self.patience.until_available(
            lambda: self.books.take_leases(
                partition_ids, self.identity.owner, group_id=self.identity.group_id
            )
        )
        crash_point("engine-leases-taken")
        self.held |= positions
        self._backlog.forget(positions)  # what was taken before is read again from there
        offsets = {p: self._sequence.begin(position) for p, position in positions.items()}
        for partition_id, position in positions.items():
            if position.topic_id != self.identity.topic_id:
                self._to_halt[partition_id] = halts.foreign(position, self.identity.topic_id)
        _log.info("assigned", positions={p: self.held[p].next_offset for p in offsets})
        return offsets

    def revoked(self, partition_ids: Sequence[int]) -> None:
        """Stop writing these partitions."""
        released = [self.held.pop(p) for p in partition_ids if p in self.held]
        self.outgoing.forget(set(partition_ids))
        self._forget(partition_ids)
        try:
            self.books.release_leases(released)
        except StoreUnavailable as error:
            # Only for people: the next holder's epoch is what counts.
            _log.warning("lease not released", error=str(error))
        _log.info("revoked", partitions=list(partition_ids))

    def drop(self) -> None:
        """Forget everything: another process writes now, and what is in memory is worthless.

        Raises `SlotTaken` where that process calls itself by this one's slot.
        """
        slot = self.identity.owner.rpartition("/")[2]
        for owner in self.patience.until_available(self._note_fenced):
            if owner != self.identity.owner and owner.rpartition("/")[2] == slot:
                raise SlotTaken(f"{owner} has taken this slot: give each engine one of its own")
        self.outgoing.forget(set(self.held))
        self._forget(list(self.held))
        self.held.clear()

    def _note_fenced(self) -> set[str]:
        self.books.note_fenced(list(self.held.values()), self.identity.owner)
        return self.books.owners(list(self.held))

    def _forget(self, partition_ids: Sequence[int]) -> None:
        self._sequence.forget(partition_ids)
        self._backlog.forget(partition_ids)
        for partition_id in partition_ids:
            self._to_halt.pop(partition_id, None)
            self._halted.discard(partition_id)

    def _keep(self, records: Sequence[Record]) -> None:
        self._backlog.add(item for r in records if (item := self._item_of(r)) is not None)

    def _item_of(self, record: Record) -> Item | None:
        """The record as an item of the batch; None when it is not to be applied now."""
        partition_id = record.partition_id
        if partition_id not in self.held or partition_id in self._halted:
            return None
        if not self._is_due(record):
            return None
        watch_clock(record, self.held[partition_id])
        try:
            item = Item(record, self._examined(record))
        except DeadLetter as letter:
            where = {"partition": partition_id, "offset": record.offset}
            _log.error("dead letter", **where, reason=str(letter))
            item = Item(record, str(letter))
        except UnknownToThisBuild as unknown:
            self._halt(partition_id, f"offset {record.offset}: {unknown}")
            return None
        self._sequence.go_on_from(partition_id, record.offset + 1)
        return item

    def _is_due(self, record: Record) -> bool:
        """Whether a record is the next of its partition; sees to what else it may mean."""
        partition_id, position = record.partition_id, self.held[record.partition_id]
        turn = self._sequence.judge(record, position)
        wanted = self._sequence.reads_from(partition_id)
        if turn is Turn.ANOTHER:
            self._halt(partition_id, halts.rewritten(position, record.offset))
        elif turn is Turn.AGAIN:
            _log.warning(
                "offset passed over", partition=partition_id, due=wanted, came=record.offset
            )
            if self._reader is not None:
                self._reader.seek({partition_id: wanted})
        elif turn is Turn.GONE and self._sequence.is_verified(partition_id):
            self._pass_hidden(partition_id, due=wanted, came=record.offset)
        elif turn is Turn.GONE:
            self._find_witness(position, came=record.offset)
        return turn is Turn.DUE

    def _pass_hidden(self, partition_id: int, *, due: int, came: int) -> None:
        """Pass what was asked for twice and never given, and read on; what was removed halts."""
        if self._reader is None or not self._record_hidden(partition_id, due=due, came=came):
            self._halt(partition_id, halts.gap(due, came))
            return
        self._read_on(partition_id, came)

    def _find_witness(self, position: Position, *, came: int) -> None:
        """See with other eyes that the log holds the last applied record, and read on after it."""
        partition_id, due = position.partition_id, position.next_offset - 1
        found = None if self._reader is None else self._reader.hidden(partition_id, due, came)
        if found is None:
            self._halt(partition_id, halts.gap(due, came))
        elif not any(r.offset == due and r.hash == position.last_record_hash for r in found):
            self._halt(partition_id, halts.rewritten(position, came))
        else:
            self._read_on(partition_id, position.next_offset)

    def _read_on(self, partition_id: int, offset: int) -> None:
        self._sequence.go_on_from(partition_id, offset, is_left_for_now=True)
        if self._reader is not None:
            self._reader.seek({partition_id: offset})

    def _record_hidden(self, partition_id: int, *, due: int, came: int) -> bool:
        """Record offsets that hold nothing ever committed: aborted records and transaction markers
        take offsets that `read_committed` hides. False when something was removed, or a rightly
        signed record is there: we write in no transaction, so it must not be passed over.
        """
        hidden = None if self._reader is None else self._reader.hidden(partition_id, due, came)
        if hidden is None or any(record.is_signed(self.ring) for record in hidden):
            return False
        appended_at = self.held[partition_id].last_appended_at
        passed = {o: Record(partition_id, o, appended_at, None, None, ()) for o in range(due, came)}
        passed |= {record.offset: record for record in hidden}
        self._backlog.add(Item(passed[offset], halts.HIDDEN) for offset in range(due, came))
        self._sequence.go_on_from(partition_id, came)
        return True

    def _examined(self, record: Record) -> Content:
        key_id = signing.key_id_of(record.header(SIGNATURE_HEADER))
        if key_id is not None and key_id not in self.ring and not self._is_ring_fresh:
            self._read_ring()
        return examine(record, self.ring, self.identity.partition_count)

    def _read_ring(self) -> None:
        self.ring |= self.books.key_ring()
        self._is_ring_fresh, self._ring_due_at = True, self.clock() + signing.RING_AGE_S

    def _watch_the_topic(self, *, is_to_apply: bool) -> None:
        """Halt everything once the topic is another one: nothing of it is for these books."""
        if self.watch is None:
            return
        reason = self.watch.confirm(self.patience.stopping) if is_to_apply else self.watch.turn()
        if reason is not None:
            self._to_halt |= dict.fromkeys(self._running(), reason)

    def _post(self, items: Sequence[Item]) -> None:
        applying = Applying(
            self.books, self.identity.partition_count, self._refresh_positions, spans=self.spans
        )
        for verdict in applying.apply(items, self.held):
            for partition_id, reason in verdict.halts.items():
                self._halt(partition_id, reason)
            if verdict.after == verdict.before:
                continue
            crash_point("engine-committed")
            self.held.update(verdict.after)
            self.patience.renew()
            announce(verdict, self.sender)
            crash_point("engine-announced")
            self.outgoing.note_dead_letters({row.partition_id for row in verdict.to_publish})
            if verdict.follow_ups:
                self._outgoing_due_at = 0.0  # somebody waits for the last step

    def _send_outgoing(self) -> None:
        if self.clock() >= self._outgoing_due_at:
            is_quiet = self._backlog.is_quiet(self.clock())
            key = self.ring[self.identity.signing_key_id]
            self.outgoing.turn(self._running(), key, is_quiet=is_quiet)
            self._outgoing_due_at = self.clock() + IDLE_WAIT_SECONDS

    def _note_reached(self) -> None:
        if self._reader is None:
            return
        answer = self._ends.turn(self._reader, self._running(), self.clock(), self.books.clock)
        if answer is None:
            return
        self.books.forget_plans()
        for partition_id, reason in answer.beyond.items():
            self._halt(partition_id, reason)
        for partition_id, end in answer.stuck.items():
            # Nothing comes, and the log goes on: markers at its end, as a rule. But first the last
            # applied record must have come again, and what came must have been applied. A backlog's
            # partitions wait for each other: to read one of them to its end here takes too long.
            is_behind = partition_id in self._backlog.partitions
            if self._sequence.is_verified(partition_id) and not is_behind:
                due = self._sequence.reads_from(partition_id)
                self._record_hidden(partition_id, due=due, came=min(end, due + LOOKED_THROUGH))
        overdue = self._sequence.overdue()
        self._reader.seek({p: offset for p, offset in overdue.items() if p not in self._halted})
        at_end = {p: at for p, at in answer.at_end.items() if self._sequence.is_verified(p)}
        self.books.note_ends(list(at_end.values()), answer.ends.stable, answer.ends.written)
        self.held.update(at_end)

    def _running(self) -> dict[int, Position]:
        return {p: position for p, position in self.held.items() if p not in self._halted}

    def _halt(self, partition_id: int, reason: str) -> None:
        if (position := self.held.get(partition_id)) is None:
            return  # it was revoked in the meantime: its next holder will see for itself
        self._halted.add(partition_id)
        self._backlog.forget([partition_id])
        _log.critical("partition halted", partition=partition_id, reason=reason)
        if self._reader is not None:
            self._reader.pause(partition_id)
        # Kept until it is written down: Postgres may be away just now.
        self._to_halt[partition_id] = reason
        self.books.note_halt(position, reason)
        del self._to_halt[partition_id]

    def _resync(self) -> None:
        """Find out from Postgres what has been applied, and read on from there."""
        self.patience.until_available(self._refresh_positions)
        self.outgoing.note_dead_letters(self.held)  # by a COMMIT whose answer was lost
        self._sequence.resume(self.held)
        self._backlog.clear()
        if self._reader is not None and self.held:
            self._reader.seek({p: self._sequence.reads_from(p) for p in self._running()})

    def _refresh_positions(self) -> None:
        found = self.books.positions(list(self.held))
        for partition_id, position in self.held.items():
            now = found.get(partition_id)
            if now is None or now.lease_epoch != position.lease_epoch:
                raise Fenced(f"partition {partition_id} was taken by another process")
        self.held.update(found)
