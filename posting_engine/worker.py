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
from posting_engine.applying import Applying
from posting_engine.books import Books
from posting_engine.log import CommandLog, LostPosition, Sender
from posting_engine.outgoing import Outgoing
from posting_engine.patience import Patience
from posting_engine.positions import Fenced, Position, SlotTaken, StoreUnavailable
from posting_engine.reached import LogEnds, watch_clock
from posting_engine.records import DeadLetter, Record, UnknownToThisBuild, examine
from posting_engine.verdict import Item, Verdict
from schemas import codec, signing
from schemas.cluster import TopicWatch
from schemas.commands import AnyCommand
from schemas.crash_points import crash_point
from schemas.quarantine import Resolution
from schemas.signing import SigningKey
from schemas.topics import SIGNATURE_HEADER

_log = structlog.get_logger()

IDLE_WAIT_SECONDS: Final = 0.02
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
    _reader: CommandLog | None = None
    _due: dict[int, int] = field(default_factory=dict)
    _to_halt: dict[int, str] = field(default_factory=dict)
    _halted: set[int] = field(default_factory=set)
    _unverified: set[int] = field(default_factory=set)
    _rereading: set[int] = field(default_factory=set)
    _passed_over: set[int] = field(default_factory=set)
    _is_ring_fresh: bool = False
    _outgoing_due_at: float = 0.0
    _ends: LogEnds = field(default_factory=LogEnds)

    def run(self, log: CommandLog) -> None:
        """Work until asked to stop; raises `Fenced` when another process has taken over."""
        self._reader = log
        while not self.patience.stopping.is_set():
            taken = log.take(self.identity.batch_records, IDLE_WAIT_SECONDS)
            if taken:
                crash_point("engine-polled")
            self._is_ring_fresh = False
            self._passed_over.clear()
            try:
                self._watch_the_topic(is_to_apply=bool(taken))
                if self.patience.stopping.is_set():
                    break  # what was taken is not confirmed, and is taken again by the next
                for lost in (t for t in taken if isinstance(t, LostPosition)):
                    self._halt(lost.partition_id, halts.lost(lost.reason))
                for partition_id, reason in tuple(self._to_halt.items()):
                    self._halt(partition_id, reason)
                self._apply([t for t in taken if isinstance(t, Record)])
                self._send_outgoing()
                self._note_reached()
            except StoreUnavailable as error:
                _log.warning("postgres unavailable", error=str(error))
                self.patience.wait()
                self._resync()
            self.sender.serve()

    def assigned(self, partition_ids: Sequence[int]) -> Mapping[int, int]:
        """Take the leases; where to read each partition from. Called from inside `take`."""
        positions = self.patience.until_available(
            lambda: self.books.take_leases(
                partition_ids, self.identity.owner, group_id=self.identity.group_id
            )
        )
        crash_point("engine-leases-taken")
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
        for owner in self.patience.until_available(lambda: self.books.owners(list(self.held))):
            if owner != self.identity.owner and owner.rpartition("/")[2] == slot:
                raise SlotTaken(f"{owner} has taken this slot: give each engine one of its own")
        self.outgoing.forget(set(self.held))
        self._forget(list(self.held))
        self.held.clear()

    def _forget(self, partition_ids: Sequence[int]) -> None:
        for partition_id in partition_ids:
            self._due.pop(partition_id, None)
            self._to_halt.pop(partition_id, None)
            for state in (self._halted, self._unverified, self._rereading):
                state.discard(partition_id)

    def _apply(self, records: Sequence[Record]) -> None:
        self._post([item for record in records if (item := self._item_of(record)) is not None])

    def _item_of(self, record: Record) -> Item | None:
        """The record as an item of the batch; None when it is not to be applied now."""
        partition_id = record.partition_id
        if partition_id not in self.held or partition_id in self._halted:
            return None
        if partition_id in self._unverified:
            self._verify(record)
            return None
        due = self._due[partition_id]
        if record.offset < due:
            return None  # applied or passed already, and read again
        if record.offset > due:
            self._reread(partition_id, due=due, came=record.offset)
            return None
        self._rereading.discard(partition_id)
        watch_clock(record, self.held[partition_id])
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
            self._pass_hidden(partition_id, due=due, came=came)
            return
        _log.warning("offset passed over", partition=partition_id, due=due, came=came)
        self._rereading.add(partition_id)
        self._passed_over.add(partition_id)
        if self._reader is not None:
            self._reader.seek({partition_id: due})

    def _pass_hidden(self, partition_id: int, *, due: int, came: int) -> None:
        """Pass what was asked for twice and never given, and read on; what was removed halts."""
        if self._reader is None or not self._record_hidden(partition_id, due=due, came=came):
            self._halt(partition_id, halts.gap(due, came))
            return
        self._passed_over.add(partition_id)
        self._reader.seek({partition_id: came})

    def _record_hidden(self, partition_id: int, *, due: int, came: int) -> bool:
        """Record offsets that hold nothing ever committed: aborted records and transaction markers
        take offsets that `read_committed` hides. False when something was removed, or a rightly
        signed record is there: we write in no transaction, so it must not be passed over.
        """
        hidden = None if self._reader is None else self._reader.hidden(partition_id, due, came)
        if hidden is None or any(map(self._is_ours, hidden)):
            return False
        appended_at = self.held[partition_id].last_appended_at
        passed = {o: Record(partition_id, o, appended_at, None, None, ()) for o in range(due, came)}
        passed |= {record.offset: record for record in hidden}
        self._post([Item(passed[offset], halts.HIDDEN) for offset in range(due, came)])
        self._due[partition_id] = came
        return True

    def _is_ours(self, record: Record) -> bool:
        header = record.header(SIGNATURE_HEADER)
        return (
            header is not None
            and record.value is not None
            and signing.is_signed(header, record.value, self.ring)
        )

    def _examined(self, record: Record) -> AnyCommand | Resolution:
        key_id = signing.key_id_of(record.header(SIGNATURE_HEADER))
        if key_id is not None and key_id not in self.ring and not self._is_ring_fresh:
            self.ring |= self.books.key_ring()
            self._is_ring_fresh = True
        return examine(record, self.ring, self.identity.partition_count)

    def _watch_the_topic(self, *, is_to_apply: bool) -> None:
        """Halt everything once the topic is another one: nothing of it is for these books."""
        if self.watch is None:
            return
        reason = self.watch.confirm(self.patience.stopping) if is_to_apply else self.watch.turn()
        if reason is not None:
            self._to_halt |= dict.fromkeys(self._running(), reason)

    def _verify(self, record: Record) -> None:
        position = self.held[record.partition_id]
        same_place = record.offset == position.next_offset - 1
        if same_place and record.hash == position.last_record_hash:
            self._unverified.discard(record.partition_id)
        else:
            self._halt(record.partition_id, halts.rewritten(position, record.offset))

    def _post(self, items: Sequence[Item]) -> None:
        items = [i for i in items if i.record.partition_id not in self._halted]
        applying = Applying(
            self.books, self.identity.partition_count, confirm=self._refresh_positions
        )
        for verdict in applying.apply(items, self.held):
            for partition_id, reason in verdict.halts.items():
                self._halt(partition_id, reason)
            if verdict.after == verdict.before:
                continue
            crash_point("engine-committed")
            self.held.update(verdict.after)
            self.patience.renew()
            self._announce(verdict)
            crash_point("engine-announced")
            self.outgoing.note_dead_letters({row.partition_id for row in verdict.to_publish})
            if verdict.follow_ups:
                self._outgoing_due_at = 0.0  # somebody waits for the last step

    def _announce(self, verdict: Verdict) -> None:
        told = [(to, one) for to, one in verdict.announcements if to is not None]
        values = [codec.encode(one) for _, one in told]  # first, so that they leave together
        for (to, one), value in zip(told, values, strict=True):
            self.sender.announce(to, one.command_id.bytes, value)
        _log.debug(
            "batch",
            outcomes=len(verdict.outcomes),
            entries=len(verdict.links),
            dead_letters=len(verdict.dead_letters),
        )
        for fact in verdict.quarantines:
            _log.error(
                "loan quarantined",
                partition=fact.partition_id,
                offset=fact.command_offset,
                loan=str(fact.loan_id),
                reason=fact.reason,
            )

    def _send_outgoing(self) -> None:
        if self.clock() >= self._outgoing_due_at:
            self.outgoing.turn(self._running(), self.ring[self.identity.signing_key_id])
            self._outgoing_due_at = self.clock() + IDLE_WAIT_SECONDS

    def _note_reached(self) -> None:
        if self._reader is None:
            return
        answer = self._ends.turn(self._reader, self._running(), self.clock())
        if answer is None:
            return
        self.books.forget_plans()
        for partition_id, reason in answer.beyond.items():
            self._halt(partition_id, reason)
        for partition_id, end in answer.stuck.items():
            # Nothing comes, and the log goes on: markers at its end, as a rule. But first the
            # last applied record must have come again, or it would be held against another.
            if partition_id not in self._unverified:
                self._record_hidden(partition_id, due=self._due[partition_id], came=end)
        at_end = {p: at for p, at in answer.at_end.items() if p not in self._unverified}
        if at_end:
            self.books.note_reached(list(at_end.values()))
            self.held.update(at_end)

    def _running(self) -> dict[int, Position]:
        return {p: position for p, position in self.held.items() if p not in self._halted}

    def _halt(self, partition_id: int, reason: str) -> None:
        position = self.held.get(partition_id)
        if position is None:
            return  # it was revoked in the meantime: its next holder will see for itself
        self._halted.add(partition_id)
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
