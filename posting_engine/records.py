"""What arrives from the log, and whether it is a command: signature, schema, place, sense.

The signature is checked first, over the raw value, so only a rightly signed record can halt a
partition. Everything that is no command is a dead letter with a reason; nothing is skipped.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import pairwise

from posting_engine.posting.rules import SUPPORTED_VERSIONS
from posting_engine.posting.waterfall import ORDERS
from schemas import codec, ids, signing
from schemas.commands import AccrualChunk, AnyCommand, Disbursement, Payment, Reversal
from schemas.money import MAX_AMOUNT_MINOR
from schemas.partitioning import NO_LOAN, partition_of_key, partition_of_loan
from schemas.signing import SigningKey
from schemas.topics import (
    OUTCOME_PARTITIONS,
    REPLY_PARTITION_HEADER,
    SIGNATURE_HEADER,
    TRACEPARENT_HEADER,
)

_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_TEXTS = ("idempotency_key", "actor", "description", "external_ref", "destination_ref")

MAX_CHUNK_LOANS = 5_000
"""Above it the sum of a part could pass a bigint."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the command log, as Kafka gave it. `appended_at` is the broker's time."""

    partition_id: int
    offset: int
    appended_at: datetime
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    def header(self, name: str) -> bytes | None:
        """A header's value; None when it is absent or there more than once."""
        found = [value for key, value in self.headers if key == name]
        return found[0] if len(found) == 1 else None

    @property
    def reply_partition(self) -> int | None:
        """Where on the outcomes topic the sender listens, if it said so."""
        text = self.header(REPLY_PARTITION_HEADER) or b""
        if not text.isdigit() or len(text) > 3 or int(text) >= OUTCOME_PARTITIONS:
            return None
        return int(text)

    @property
    def traceparent(self) -> bytes | None:
        """The trace that the command belongs to."""
        return self.header(TRACEPARENT_HEADER)

    @property
    def hash(self) -> bytes:
        """SHA-256 of key and value: tells whether this offset still holds the same record."""
        return sha256(sha256(self.key or b"").digest() + (self.value or b"")).digest()


class DeadLetter(Exception):
    """The record is no command of this ledger; it is kept with this reason and passed."""


class UnknownToThisBuild(Exception):
    """A rightly signed record that a newer build wrote: the partition halts until upgraded."""


def examine(record: Record, ring: Mapping[str, SigningKey], partition_count: int) -> AnyCommand:
    """The command in a record; raises `DeadLetter` or `UnknownToThisBuild`."""
    key = _signer(record, ring)
    try:
        message = codec.decode(record.value)
    except codec.UnknownSchema as error:
        raise UnknownToThisBuild(f"{error}: run a build that knows it") from error
    except codec.UndecodableRecord as error:
        raise DeadLetter(f"undecodable: {error}") from error
    if isinstance(message, codec.Outcome):
        raise DeadLetter("not a command: an outcome")
    if not key.may_write(message.tenant_id, record.appended_at):
        raise DeadLetter(f"foreign: key {key.key_id} may not write for this tenant at this time")
    if isinstance(message, Payment) and message.waterfall_version not in ORDERS:
        raise UnknownToThisBuild(
            f"waterfall version {message.waterfall_version} is unknown: run a build that knows it"
        )
    if message.rules_version not in SUPPORTED_VERSIONS:
        raise UnknownToThisBuild(
            f"rules version {message.rules_version} is unknown: run a build that knows it"
        )
    if (fault := _fault(message)) is not None:
        raise DeadLetter(f"malformed: {fault}")
    if not _is_in_its_partition(message, record.partition_id, partition_count):
        raise DeadLetter("wrong partition: another one owns what the command names")
    return message


def _signer(record: Record, ring: Mapping[str, SigningKey]) -> SigningKey:
    header = record.header(SIGNATURE_HEADER)
    if header is None or record.value is None:
        raise DeadLetter("unsigned: no signature, or no value")
    key = ring.get(signing.key_id_of(header) or "")
    if key is None:
        raise DeadLetter("foreign: the signing key is not in the key ring")
    if not signing.is_signed(header, record.value, ring):
        raise DeadLetter("unsigned: the signature does not fit the value")
    return key


def _fault(command: AnyCommand) -> str | None:
    """What no ingress of ours would have accepted; None when the command makes sense."""
    if (text_fault := _text_fault(command)) is not None:
        return text_fault
    match command:
        case Disbursement() | Payment():
            if not 0 < command.amount_minor <= MAX_AMOUNT_MINOR:
                return "amount_minor out of range"
            if isinstance(command, Payment) and command.allocation not in ("auto", "hold"):
                return "allocation is neither auto nor hold"
        case AccrualChunk():
            return _chunk_fault(command)
        case Reversal():
            if command.part is not None and command.chunks_total is None:
                return "a part without its manifest"
    if isinstance(command, Reversal) and command.part is not None:
        return None if _step_of(command.idempotency_key) else "the key is no step of a batch"
    return "a step's key" if "/" in command.idempotency_key else None


def _text_fault(command: AnyCommand) -> str | None:
    """Text that Postgres could not keep, and so would refuse for ever."""
    currency = getattr(command, "currency", None)
    if currency is not None and _CURRENCY.fullmatch(currency) is None:
        return "currency is not three capital letters"
    texts = [value for name in _TEXTS if (value := getattr(command, name, None)) is not None]
    metadata: dict[str, str] = getattr(command, "metadata", {})
    if any("\0" in text for text in (*texts, *metadata, *metadata.values())):
        return "U+0000 in a text"
    return None


def _step_of(key: str) -> tuple[int, int] | None:
    """The (partition, n) of a key `<key>/<partition>/<n>`."""
    parts = key.split("/")
    if len(parts) != 3 or not all(text.isascii() and text.isdigit() for text in parts[1:]):
        return None
    if len(parts[1]) > 4 or len(parts[2]) > 7:
        return None
    return int(parts[1]), int(parts[2])


def _chunk_fault(chunk: AccrualChunk) -> str | None:
    count, rest = divmod(len(chunk.loan_ids), 16)
    if rest or not 0 < count <= MAX_CHUNK_LOANS:
        return "loan_ids is not 1 to 5,000 ids"
    if len(chunk.principals) != 8 * count or len(chunk.interests) != 8 * count:
        return "the arrays differ in length"
    loan_ids = [chunk.loan_ids[i : i + 16] for i in range(0, 16 * count, 16)]
    if any(earlier >= later for earlier, later in pairwise(loan_ids)):
        return "loan_ids do not ascend"
    for amounts in (chunk.principals, chunk.interests):
        for i in range(0, 8 * count, 8):
            if not 0 <= int.from_bytes(amounts[i : i + 8], "big", signed=True) <= MAX_AMOUNT_MINOR:
                return "an amount is out of range"
    if chunk.chunks_total < 1 or _step_of(chunk.idempotency_key) is None:
        return "the key is no step of a batch"
    return None


def _is_in_its_partition(command: AnyCommand, partition_id: int, partition_count: int) -> bool:
    match command:
        case Disbursement() | Payment():
            owner = partition_of_loan(command.tenant_id, command.loan_id, partition_count)
            return owner == partition_id
        case AccrualChunk():
            tenant, packed = command.tenant_id.bytes, command.loan_ids
            step = _step_of(command.idempotency_key)
            return (step is not None and step[0] == partition_id) and all(
                partition_of_key(tenant + packed[i : i + 16], partition_count) == partition_id
                for i in range(0, len(packed), 16)
            )
        case Reversal():
            return _owner_of(command, partition_count) == partition_id


def _owner_of(command: Reversal, partition_count: int) -> int:
    if command.loan_id is not None and command.part is None:
        return partition_of_loan(command.tenant_id, command.loan_id, partition_count)
    step = _step_of(command.idempotency_key)
    if command.part is not None and step is not None:
        return step[0]
    named = ids.partition_in(command.reverses_entry_id)
    if named is not None and named < partition_count:
        return named
    return partition_of_loan(command.tenant_id, NO_LOAN, partition_count)
