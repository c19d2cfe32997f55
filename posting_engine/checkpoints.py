"""Signing checkpoints of the partitions held, and publishing them: a thread beside the worker's.

It has a connection and a producer of its own and reads what was committed, so nothing that happens
to it, or to the broker or the disk it writes to, reaches a posting. A checkpoint is first kept in
Postgres, where a partition has one of each number; only then is it published, to the topic and to
the file, until both have it. So whoever comes next publishes the same bytes, and never another
checkpoint in their place. A crash in between publishes the same bytes twice.

A partition is looked at four times a second, and a checkpoint made once `ENTRIES` are new, or once
anything is new and the last one is older than `every_s`; at the end of the process, of anything
new. Nothing is signed that the partition's chain head does not confirm, or that cannot have come
about since the last checkpoint.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from posting_engine import metrics
from posting_engine.checkpoint_file import CheckpointFile
from posting_engine.key_ring import ring_from
from posting_engine.log import Sender
from posting_engine.log_answers import LogUnavailable
from posting_engine.positions import DataRefused, StoreUnavailable
from posting_engine.records import Record
from posting_engine.sealing import seal_in
from posting_engine.store import Store
from schemas.chain import GENESIS
from schemas.checkpoints import (
    NO_PREVIOUS,
    Checkpoint,
    NotACheckpoint,
    instant,
    key_id_of,
    read,
)
from schemas.crash_points import crash_point
from schemas.merkle import Frontier, hashes_in

_log = structlog.get_logger()

ENTRIES: Final = 5_000
"""Half of what two checkpoints may lie apart: some more are posted before the next look."""
LOOK_EVERY_S: Final = 0.25
PAUSE_AFTER_FAILURE_S: Final = 1.0
LAST_WITHIN_S: Final = 2.0
"""How long the end of the process waits for the last checkpoints to be published."""

Key = tuple[int, int]
"""partition, number."""


@dataclass(slots=True)
class Checkpoints:
    """What the thread works with. `file` None: the topic alone; `first_record` is the log's, of a
    partition. Only `finish` is for others.
    """

    store: Store
    make_sender: Callable[[], Sender]
    key: Ed25519PrivateKey
    owner: str
    file: CheckpointFile | None = None
    every_s: float = 60.0
    hashes_at_once: int = 100_000
    first_record: Callable[[int], Record | None] = lambda _partition_id: None
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _sender: Sender | None = None
    _under_way: set[Key] = field(default_factory=set)
    _sent: set[Key] = field(default_factory=set)
    _filed: set[Key] = field(default_factory=set)
    _refused: set[int] = field(default_factory=set)

    def start(self) -> None:
        """Begin; the thread ends with the process."""
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Once nothing is posted any more: make the last checkpoints, and give them a moment."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(LAST_WITHIN_S + LOOK_EVERY_S)
            if self._thread.is_alive():
                _log.warning("last checkpoints not published: the next engine does it")

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_EVERY_S):
            if not self._tried(lambda: self.turn(is_last=False)):
                self._stopping.wait(PAUSE_AFTER_FAILURE_S)
        deadline = time.monotonic() + LAST_WITHIN_S
        while not self._tried(lambda: self.turn(is_last=True)) or self._under_way:
            if time.monotonic() > deadline:
                return
            time.sleep(LOOK_EVERY_S / 10)

    def _tried(self, attempt: Callable[[], None]) -> bool:
        """Whether it worked; what failed is reported, and tried again in a later turn."""
        try:
            attempt()
        except (StoreUnavailable, DataRefused) as error:
            _log.warning("checkpoints wait for postgres", error=str(error))
        except LogUnavailable as error:
            _log.warning("checkpoints wait for kafka", error=str(error))
            self._sender = None
            self._under_way.clear()
        except OSError as error:
            _log.error("checkpoints cannot be written to their file", error=str(error))
        else:
            return True
        metrics.CHECKPOINT_FAILURES.inc()
        return False

    def turn(self, *, is_last: bool) -> None:
        """Make what is due, publish what is not, note what is published."""
        wanted = {"owner": self.owner, "with_unheld": is_last}
        [states] = self.store.read([("load_checkpoint_states", wanted)])
        for state in states:
            metrics.note_checkpoint_age(state)
            if self._is_due(state, is_last=is_last):
                self._make(state)
        held = [state["partition_id"] for state in states]
        [rows] = self.store.read([("load_unpublished_checkpoints", {"partition_ids": held})])
        self._publish(rows)
        self._note_published(rows)

    def _is_due(self, state: dict[str, Any], *, is_last: bool) -> bool:
        if 0 < state["base_offset"] == state["next_offset"]:
            return False  # the seal of the log before is still to be applied
        if state["number"] is None:
            return bool(state["last_entry_seq"])
        entries = state["last_entry_seq"] - state["entry_seq"]
        is_news = bool(entries) or state["next_offset"] != state["told_offset"]
        is_time = is_last or entries >= ENTRIES or state["age_s"] >= self.every_s
        return is_news and is_time

    def _make(self, state: dict[str, Any]) -> None:
        """Sign where a partition stands, and keep it; whoever was first with the number wins."""
        partition_id = state["partition_id"]
        try:
            before = None if state["message"] is None else read(state["message"]).checkpoint
            if before is not None:
                self._refuse_what_cannot_follow(state, before)
            frontier = self._grown(state, before)
        except (NotACheckpoint, ValueError) as reason:
            if partition_id not in self._refused:
                why = f"{reason}; run `hpts verify`"
                _log.critical("no checkpoint is signed", partition=partition_id, why=why)
                metrics.INVARIANT_BREAKS.labels(metrics.APPEND_ONLY).inc()
            self._refused.add(partition_id)
            return
        self._refused.discard(partition_id)
        made_at = datetime.now(UTC)
        checkpoint = Checkpoint(
            partition_id=partition_id,
            number=(state["number"] or 0) + 1,
            entry_seq=state["last_entry_seq"],
            chain_head=state["chain_head"],
            merkle_root=frontier.root(),
            next_offset=state["next_offset"],
            topic_id=state["topic_id"],
            made_at=instant(made_at),
            previous=before.digest() if before else NO_PREVIOUS,
            key_id=key_id_of(self.key.public_key()),
        )
        kept = {
            **{name: getattr(checkpoint, name) for name in ("partition_id", "number", "entry_seq")},
            "next_offset": checkpoint.next_offset,
            "made_at": made_at,
            "frontier": frontier.packed(),
            "message": checkpoint.signed(self.key),
        }
        self.store.read([("insert_checkpoint", kept)])
        crash_point("checkpoint-kept")

    def _refuse_what_cannot_follow(self, state: dict[str, Any], before: Checkpoint) -> None:
        """Raise `ValueError` where applying the log does not lead from what was signed to where the
        partition stands. Entries come of records behind the signed position, those of a command
        that was quarantined too: of the record that resumed it.
        """
        at, signed_at, topic_id = state["next_offset"], before.next_offset, state["topic_id"]
        if topic_id != before.topic_id and not self._is_cut_over(state, before):
            raise ValueError(f"it follows topic {topic_id}, and {before.topic_id} was signed")
        if at < signed_at:
            raise ValueError(f"it stands at offset {at}, and {signed_at} was signed of these books")
        if at == signed_at and state["last_entry_seq"] > before.entry_seq:
            raise ValueError(f"entry {state['last_entry_seq']} came without a record of the log")

    def _is_cut_over(self, state: dict[str, Any], before: Checkpoint) -> bool:
        """Whether the topic begins with the seal of the one that was signed, and that is applied.
        The log says so, and not the database alone.
        """
        record = self.first_record(state["partition_id"])
        [keys] = self.store.read([("load_signing_keys", {})])
        seal = seal_in(record, ring_from(keys))
        return (
            record is not None
            and seal is not None
            and seal.partition_id == state["partition_id"]
            and seal.old_topic_id == before.topic_id
            and before.next_offset <= seal.end_offset == record.offset < state["next_offset"]
            and before.entry_seq <= seal.last_entry_seq <= state["last_entry_seq"]
        )

    def _grown(self, state: dict[str, Any], before: Checkpoint | None) -> Frontier:
        """The tree with what is new; raises `ValueError` where the journal is not as it was told,
        or does not end as the chain head says.
        """
        partition_id, entry_seq = state["partition_id"], state["last_entry_seq"]
        told_seq, head = state["entry_seq"] or 0, GENESIS
        frontier = Frontier.from_bytes(told_seq, state["frontier"] or b"")
        if before is not None and told_seq:
            head = before.chain_head
            if self._hashes(partition_id, told_seq, told_seq) != [head]:
                raise ValueError(f"entry {told_seq} is not what was signed")
        for first in range(told_seq + 1, entry_seq + 1, self.hashes_at_once):
            last = min(first + self.hashes_at_once - 1, entry_seq)
            hashes = self._hashes(partition_id, first, last)
            if len(hashes) != last - first + 1:
                raise ValueError(f"not all of entries {first} to {last} are there")
            frontier, head = frontier.grown(hashes), hashes[-1]
        if head != state["chain_head"]:
            raise ValueError(f"entry {entry_seq} is not the chain's head")
        return frontier

    def _hashes(self, partition_id: int, first: int, last: int) -> list[bytes]:
        wanted = {"partition_id": partition_id, "from_seq": first, "through_seq": last}
        [[row]] = self.store.read([("load_entry_hashes", wanted)])
        return hashes_in(row["hashes"] or b"")

    def _publish(self, rows: Sequence[dict[str, Any]]) -> None:
        """Hand over in order what neither waits for an answer nor has one."""
        if self._sender is None:
            self._sender = self.make_sender()
        for row in rows:
            key: Key = (row["partition_id"], row["number"])
            if key not in self._under_way and key not in self._sent:
                self._under_way.add(key)
                if not self._sender.publish_checkpoint(row["message"], self._done(key)):
                    self._under_way.discard(key)
                    break  # the producer's queue is full
        self._sender.serve()

    def _done(self, key: Key) -> Callable[[bool], None]:
        def done(is_written: bool) -> None:
            self._under_way.discard(key)
            if is_written:
                self._sent.add(key)

        return done

    def _note_published(self, rows: Sequence[dict[str, Any]]) -> None:
        for row in rows:
            key: Key = (row["partition_id"], row["number"])
            if self.file is not None and key not in self._filed:
                self.file.append(row["message"])
                self._filed.add(key)
            if key in self._sent:
                crash_point("checkpoint-written")
                told = {"partition_id": key[0], "number": key[1]}
                self.store.read([("update_published_checkpoint", told)])
                self.store.read([("delete_checkpoints", told)])
                self._sent.discard(key)
                self._filed.discard(key)
