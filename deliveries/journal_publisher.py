"""Publishing the journal: each partition's entries, in `entry_seq` order, to the same partition of
`hpts.journal.v1`, at least once.

    hold      one session publishes a partition (an advisory lock of that session)
    begin     after what the topic ends in: what it has lost is published again. The cursor counts
              where the topic's end holds nothing of ours
    read      the entries behind it: `entry_seq` has no gaps and one writer, who commits in its
              order, so nothing can appear before what was read (docs/decisions/0046)
    send      to the broker, which keeps the order of a partition
    move      the cursor, once the broker has acknowledged

A crash between the last two publishes again only what the topic does not end in yet.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import structlog

from deliveries import metrics
from deliveries.entries import key_of, read_entries
from deliveries.store import Row, Store
from deliveries.topic import Ends, Sender
from schemas.codec import encode_fields
from schemas.crash_points import crash_point
from schemas.journal_topic import JournalEntry
from schemas.topics import JOURNAL

_log = structlog.get_logger()

KIND: Final = 0x4A6F7572
"""What the advisory locks of publishers are about."""
HOLD_EVERY_S: Final = 1.0
NOTE_EVERY_S: Final = 1.0
IDLE_S: Final = 0.05
MOST_UNACKNOWLEDGED_BYTES: Final = 16 * 1024 * 1024
_FILL_ANEW: Final = (
    f"stop deliveries, delete {JOURNAL}, run `hpts migrate`, start deliveries: all is published "
    "anew."
)


class Diverged(Exception):
    """The books are not those that were published. The message says what to do."""


@dataclass(slots=True)
class Progress:
    """How far a partition is: handed to the producer, acknowledged, and noted in Postgres."""

    partition_id: int
    sent_seq: int
    entry_seq: int
    entry_hash: bytes | None
    caught_up_at: datetime
    noted_seq: int = -1
    is_checked: bool = False
    """Whether the books were seen to hold what was published last."""


@dataclass(slots=True)
class JournalPublisher:
    """The publisher of whatever partitions its session holds. One thread owns it.

    Raises `StoreUnavailable` or `TopicUnavailable`; begin anew with another one then.
    """

    store: Store
    sender: Sender
    topic_id: str
    partition_count: int
    ends_of: Callable[[Sequence[int]], dict[int, Ends]]
    clock: Callable[[], float] = time.monotonic
    _held: dict[int, Progress] = field(default_factory=dict)
    _halted: set[int] = field(default_factory=set)
    _hold_at: float = 0.0
    _note_at: float = 0.0

    def turn(self) -> None:
        """Do what can be done, or wait a moment where that is nothing."""
        if self.clock() >= self._hold_at:
            self._hold()
            self._hold_at = self.clock() + HOLD_EVERY_S
        is_busy = self._publish()
        self.sender.serve(0 if is_busy else IDLE_S)
        self._note()

    def finish(self, seconds: float) -> None:
        """Give what is under way a moment, and note it."""
        self.sender.finish(seconds)
        self._note_at = 0.0
        self._note()

    def _hold(self) -> None:
        known = self._held.keys() | self._halted
        wanted = [p for p in range(self.partition_count) if p not in known]
        if not wanted or not (taken := self.store.hold(KIND, wanted)):
            return
        rows = self.store.rows("load_cursors", name="journal_topic", partition_ids=taken)
        cursors = {row["partition_id"]: row for row in rows}
        for partition_id, ends in self.ends_of(taken).items():
            try:
                progress = self._begun(partition_id, cursors.get(partition_id), ends)
            except Diverged as reason:
                self._halt(partition_id, reason)
            else:
                self._held[partition_id] = progress
        _log.info("publishing the journal", partitions=sorted(self._held))

    def _begun(self, partition_id: int, cursor: Row | None, ends: Ends) -> Progress:
        """Where to go on. A lost cursor is found again in the topic, a lost topic filled anew, and
        what a broker has lost of its end is published again: too much is dropped by who reads it.
        """
        at: tuple[int, bytes | None] = ends.last or (0, None)
        if cursor is not None and cursor["topic_id"] == self.topic_id:
            if ends.last is None and not ends.is_bare:
                at = (cursor["entry_seq"], cursor["entry_hash"])
            elif at[0] < cursor["entry_seq"]:
                _log.warning(
                    "the topic has lost what it had acknowledged: it is published again",
                    partition=partition_id,
                    acknowledged=cursor["entry_seq"],
                    found=at[0],
                )
        elif cursor is not None and cursor["topic_id"] and ends.first_seq not in (None, 1):
            raise Diverged(
                f"the topic begins with entry {ends.first_seq}: it was made anew while it was "
                f"published. {_FILL_ANEW}"
            )
        entry_seq, entry_hash = at
        return Progress(partition_id, entry_seq, entry_seq, entry_hash, datetime.now(UTC))

    def _halt(self, partition_id: int, reason: Diverged) -> None:
        _log.critical("journal not published", partition=partition_id, why=str(reason))
        self.store.rows("note_halt", partition_id=partition_id, reason=str(reason))
        self._held.pop(partition_id, None)
        self._halted.add(partition_id)

    def _publish(self) -> bool:
        """Hand over what is new; whether anything was."""
        if self.sender.unacknowledged_bytes > MOST_UNACKNOWLEDGED_BYTES:
            return False
        looked_at = datetime.now(UTC)
        after = {partition_id: one.sent_seq for partition_id, one in self._held.items()}
        entries = read_entries(self.store, after)
        behind = {entry["partition_id"] for entry in entries}
        for partition_id, idle in self._held.items():
            if partition_id not in behind and idle.entry_seq == idle.sent_seq:
                idle.caught_up_at = looked_at
        for entry in entries:
            progress = self._held.get(entry["partition_id"])
            if progress is None:
                continue  # it was halted just now
            try:
                if not self._send(progress, entry):
                    break  # the producer's queue is full
            except Diverged as reason:
                self._halt(progress.partition_id, reason)
        return bool(entries)

    def _send(self, progress: Progress, entry: Row) -> bool:
        entry_seq, entry_hash = entry["entry_seq"], entry["entry_hash"]
        if entry_seq != progress.sent_seq + 1:
            raise RuntimeError(
                f"partition {progress.partition_id}: entry {entry_seq} follows {progress.sent_seq}"
            )
        if not progress.is_checked:
            self._check(progress)

        def acknowledged() -> None:
            progress.entry_seq, progress.entry_hash = entry_seq, entry_hash
            progress.caught_up_at = entry["posted_at"]
            metrics.note_published()

        value = encode_fields(JournalEntry, entry)
        is_sent = self.sender.send(progress.partition_id, key_of(entry), value, acknowledged)
        if is_sent:
            progress.sent_seq = entry_seq
            crash_point("delivery-entry-sent")
        return is_sent

    def _check(self, progress: Progress) -> None:
        """Whether the books have what was published before; raises `Diverged`."""
        at = {"partition_id": progress.partition_id, "entry_seq": progress.entry_seq}
        found = self.store.rows("load_entry_hash", **at) if progress.entry_hash else []
        if found and found[0]["entry_hash"] != progress.entry_hash:
            raise Diverged(
                f"entry {progress.entry_seq} is not the one that was published: these are other "
                f"books. Run `hpts verify`. Once they are known to be right: {_FILL_ANEW}"
            )
        progress.is_checked = True

    def _note(self) -> None:
        """Move the cursors of what was acknowledged, and say once a second that all is well."""
        is_due = self.clock() >= self._note_at
        moved = [p for p in self._held.values() if is_due or p.entry_seq != p.noted_seq]
        if not moved:
            return
        crash_point("delivery-entry-acknowledged")
        seqs = [progress.entry_seq for progress in moved]
        self.store.rows(
            "move_cursors",
            topic_id=self.topic_id,
            partition_ids=[progress.partition_id for progress in moved],
            entry_seqs=seqs,
            entry_hashes=[progress.entry_hash for progress in moved],
            caught_up_ats=[progress.caught_up_at for progress in moved],
        )
        for progress, entry_seq in zip(moved, seqs, strict=True):
            progress.noted_seq = entry_seq
        if is_due:
            self._note_at = self.clock() + NOTE_EVERY_S
