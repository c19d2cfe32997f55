"""The witness: a Faust application that reads every event of the journal topic, from the first.

The only module that imports Faust. Its group is new each time it starts, so it never goes on where
another one stopped: what it knows is what it has read (docs/decisions/0051). Everything is caught
inside the agent: Faust acknowledges a message whose handling failed, and it would be lost (that is
why gaps are looked for, too).
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

import faust
import structlog
from faust.types import StreamT

from reconciliation.gate import Gate
from reconciliation.topic import has_entry
from schemas.codec import UndecodableRecord, decode
from schemas.journal_topic import JournalEntry
from schemas.topics import JOURNAL, MOST_ENTRY_BYTES

_log = structlog.get_logger()

_WAIT_S: Final = 0.02


class LostOnTheWay(Exception):
    """The topic has what did not come: all of it has to be read anew, by another process."""


class Witness:
    """The application over one `Gate`. `on_fault` is told what it cannot go on after."""

    def __init__(self, bootstrap: str, gate: Gate, on_fault: Callable[[BaseException], None]):
        self._gate = gate
        self._on_fault = on_fault
        self._bootstrap = bootstrap
        self.app = faust.App(
            f"hpts-reconciliation-{uuid4()}",
            broker=f"kafka://{bootstrap}",
            value_serializer="raw",
            store="memory://",
            autodiscover=False,
            web_enabled=False,
            # It makes no topic: a witness only reads.
            topic_allow_declare=False,
            topic_disable_leader=True,
            consumer_auto_offset_reset="earliest",
            consumer_max_fetch_size=MOST_ENTRY_BYTES,
            broker_session_timeout=30.0,
            stream_wait_empty=False,
        )
        topic = self.app.topic(JOURNAL, value_serializer="raw", key_serializer="raw")
        self.app.agent(topic, name="witness")(self._read)

    async def start(self) -> None:
        """Begin to read."""
        await self.app.start()

    def crash(self) -> BaseException | None:
        """What Faust could not go on after; it says so to nobody."""
        return self.app.crash_reason if self.app.crashed else None

    async def stop(self) -> None:
        """Stop reading."""
        await self.app.stop()

    async def _read(self, stream: StreamT[Any]) -> None:
        async for event in stream.events():
            try:
                await self._take(event.message)
            except Exception as error:  # else Faust would lose the message
                self._on_fault(error)
                raise

    async def _take(self, message: Any) -> None:
        while self._gate.is_full():
            await asyncio.sleep(_WAIT_S)
        partition_id, offset = message.partition, message.offset
        try:
            entry = decode(message.value)
        except UndecodableRecord as error:
            self._gate.note_unreadable(partition_id, offset, str(error))
            return
        if not isinstance(entry, JournalEntry) or entry.partition_id != partition_id:
            self._gate.note_unreadable(partition_id, offset, "it is no entry of this partition")
            return
        gap = self._gate.bring(partition_id, entry, offset)
        if gap is None:
            return
        _log.warning(
            "entries are missing", partition=partition_id, due=gap.due_seq, came=gap.entry_seq
        )
        # Faust cannot be asked to read a part again: what it has fetched already comes first, and
        # then it leaves out what lies before that.
        if await asyncio.to_thread(has_entry, self._bootstrap, gap):
            raise LostOnTheWay(f"entry {gap.due_seq} of partition {partition_id} did not come")
        self._gate.note_gap(gap)
