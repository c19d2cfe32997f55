"""The witness: a Faust application that reads every event of the journal topic, from the first.

The only module that imports Faust. Its group is new each time it starts, so it never goes on where
another one stopped: what it knows is what it has read (docs/decisions/0051). Everything is caught
inside the agent: Faust acknowledges a message whose handling failed, and it would be lost (that is
why gaps are looked for, too).
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

import faust
import structlog
from faust.types import StreamT
from faust.types.auth import CredentialsT

from reconciliation.gate import Gap, Gate
from schemas.codec import UndecodableRecord, decode
from schemas.journal_topic import JournalEntry
from schemas.kafka_security import Security
from schemas.topics import JOURNAL, MOST_ENTRY_BYTES

_log = structlog.get_logger()

_WAIT_S: Final = 0.02
_TAKEN: Final = {
    *("security.protocol", "ssl.ca.location", "ssl.certificate.location", "ssl.key.location"),
    *("sasl.mechanism", "sasl.username", "sasl.password"),
}
_ALWAYS: Final = {
    "enable.ssl.certificate.verification": "true",
    "ssl.endpoint.identification.algorithm": "https",
}
"""What a context of Python's does by itself, as long as nothing switches it off."""


class NotForFaust(Exception):
    """Faust cannot connect as it is told to. The message says why."""


def credentials_of(security: Security) -> CredentialsT | None:
    """librdkafka's settings in Faust's words; None for a plain connection.

    Raises `NotForFaust` for all that would be left out, or would wait for somebody at a terminal.
    """
    if not security:
        return None
    unknown = {key for key in security if key not in _TAKEN and key not in _ALWAYS}
    unknown |= {key for key, value in _ALWAYS.items() if security.get(key) != value}
    protocol = security.get("security.protocol")
    if unknown or protocol not in ("SSL", "SASL_SSL"):
        raise NotForFaust(f"reconciliation cannot connect so: {protocol}, {sorted(unknown)}")
    context = _context(security)
    if protocol == "SSL":
        return faust.SSLCredentials(context)
    try:
        return faust.SASLCredentials(
            username=security["sasl.username"],
            password=security["sasl.password"],
            mechanism=security["sasl.mechanism"],
            ssl_context=context,
        )
    except (KeyError, ValueError) as error:
        raise NotForFaust(f"reconciliation cannot log in to Kafka so: {error}") from error


def _context(security: Security) -> ssl.SSLContext:
    """It checks certificates and names."""

    def no_password() -> str:
        raise NotForFaust("HPTS_KAFKA_KEY_FILE has a passphrase: reconciliation needs one without")

    try:
        context = ssl.create_default_context(cafile=security["ssl.ca.location"])
        if (certificate := security.get("ssl.certificate.location")) is not None:
            key = security.get("ssl.key.location")
            context.load_cert_chain(certificate, key, no_password)
    except (KeyError, OSError) as error:  # an SSLError is one
        raise NotForFaust(
            f"reconciliation cannot use the files of HPTS_KAFKA_CA_FILE, "
            f"HPTS_KAFKA_CERTIFICATE_FILE and HPTS_KAFKA_KEY_FILE: {error}"
        ) from error
    return context


class LostOnTheWay(Exception):
    """The topic has what did not come: all of it has to be read anew, by another process."""


class Witness:
    """The application over one `Gate`. `has_entry` looks on the topic for what did not come;
    `on_fault` is told what it cannot go on after.
    """

    def __init__(
        self,
        bootstrap: str,
        gate: Gate,
        has_entry: Callable[[Gap], bool],
        on_fault: Callable[[BaseException], None],
        credentials: CredentialsT | None = None,
    ) -> None:
        self._gate = gate
        self._on_fault = on_fault
        self._has_entry = has_entry
        self.app = faust.App(
            f"hpts-reconciliation-{uuid4()}",
            broker=f"kafka://{bootstrap}",
            broker_credentials=credentials,
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
        if await asyncio.to_thread(self._has_entry, gap):
            raise LostOnTheWay(f"entry {gap.due_seq} of partition {partition_id} did not come")
        self._gate.note_gap(gap)
