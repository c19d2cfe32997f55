"""What arrives from the log, and whether it is a command: signature, schema, place, sense.

The signature is checked first, over the raw value, so only a rightly signed record can halt a
partition. Everything that is no command is a dead letter with a reason; nothing is skipped.
"""

import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import get_args

from posting_engine.chunk_faults import chunk_fault, partitions_of
from posting_engine.posting.loan import RECEIVABLES
from posting_engine.posting.rules import SUPPORTED_VERSIONS
from schemas import codec, signing
from schemas.commands import (
    LAYERS,
    MAX_ADJUSTMENT_LINES,
    WATERFALL_ORDERS,
    AccrualChunk,
    AnyCommand,
    ManualAdjustment,
    Payment,
    PaymentAllocation,
    PayoffReversal,
    PeriodClose,
    PeriodClosed,
    RefinanceOpening,
    RefinancePayoff,
    RefinanceRelease,
    Reversal,
)
from schemas.cut_over import CutOver
from schemas.journal_topic import JournalEntry
from schemas.money import MAX_AMOUNT_MINOR
from schemas.placement import place_of, step_of
from schemas.quarantine import DeadLetter as PublishedDeadLetter
from schemas.quarantine import QuarantineReject, QuarantineResume, Resolution
from schemas.signing import SigningKey
from schemas.topics import (
    OUTCOME_PARTITIONS,
    REPLY_PARTITION_HEADER,
    SIGNATURE_HEADER,
    TRACEPARENT_HEADER,
)

_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_ACCOUNT = re.compile(r"[0-9]{4}", re.ASCII)
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_KINDS = (*get_args(AnyCommand), QuarantineResume, QuarantineReject)
_TEXTS = {kind: [f.name for f in fields(kind) if f.type in (str, str | None)] for kind in _KINDS}
_AMOUNTS = {kind: [f.name for f in fields(kind) if f.name.endswith("_minor")] for kind in _KINDS}
_MAY_BE_ZERO = (
    "additional_principal_minor",
    "capitalize_interest_minor",
    "capitalize_fees_minor",
)
_STEPS = {
    RefinancePayoff: "payoff",
    RefinanceOpening: "opening",
    RefinanceRelease: "release",
    PayoffReversal: "payoff",
}

_FIRST_INSTANT = datetime(1970, 1, 1, tzinfo=UTC)
MAX_TEXT = 255
"""Characters, as at ingress. Longer ones pass what an index of Postgres can hold, which it tells as
it tells a limit of the server: the batch would be tried again for ever."""
MAX_METADATA, MAX_METADATA_NAME, MAX_METADATA_VALUE = 50, 40, 500


Content = AnyCommand | Resolution | CutOver
"""What a rightly signed record may be."""


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
    def traceparent(self) -> str | None:
        """The trace that the command belongs to; None where the header is not W3C's."""
        header = self.header(TRACEPARENT_HEADER) or b""
        return header.decode() if _TRACEPARENT.fullmatch(header) else None

    @property
    def hash(self) -> bytes:
        """SHA-256 of key and value: tells whether this offset still holds the same record."""
        return sha256(sha256(self.key or b"").digest() + (self.value or b"")).digest()

    def is_signed(self, ring: Mapping[str, SigningKey]) -> bool:
        """Whether a key of the ring signed these very bytes, whenever that was."""
        header = self.header(SIGNATURE_HEADER)
        if header is None or self.value is None:
            return False
        return signing.is_signed(header, self.value, ring)


class DeadLetter(Exception):
    """The record is no command of this ledger; it is kept with this reason and passed."""


class UnknownToThisBuild(Exception):
    """A rightly signed record that a newer build wrote: the partition halts until upgraded."""


def examine(record: Record, ring: Mapping[str, SigningKey], partition_count: int) -> Content:
    """The command in a record, or a seal; raises `DeadLetter` or `UnknownToThisBuild`."""
    key = _signer(record, ring)
    try:
        message = codec.decode(record.value)
    except codec.UnknownSchema as error:
        # Whose it is cannot be read, but a key that was withdrawn must not halt anybody.
        if not key.is_valid(record.appended_at):
            raise DeadLetter(f"foreign: key {key.key_id} is not valid at this time") from error
        raise UnknownToThisBuild(f"{error}: run a build that knows it") from error
    except codec.UndecodableRecord as error:
        raise DeadLetter(f"undecodable: {error}") from error
    if isinstance(message, codec.Outcome):
        raise DeadLetter("not a command: an outcome")
    if isinstance(message, PublishedDeadLetter):
        raise DeadLetter("not a command: a dead letter")
    if isinstance(message, JournalEntry):
        raise DeadLetter("not a command: a journal entry")
    if isinstance(message, CutOver):
        return _trusted(message, key, record.appended_at)
    if not key.may_write(message.tenant_id, record.appended_at):
        raise DeadLetter(f"foreign: key {key.key_id} may not write for this tenant at this time")
    waterfall_version = getattr(message, "waterfall_version", None)
    if waterfall_version is not None and waterfall_version not in WATERFALL_ORDERS:
        raise UnknownToThisBuild(
            f"waterfall version {waterfall_version} is unknown: run a build that knows it"
        )
    if message.rules_version not in SUPPORTED_VERSIONS:
        raise UnknownToThisBuild(
            f"rules version {message.rules_version} is unknown: run a build that knows it"
        )
    fault = _fault(message) or _date_fault(message, record.appended_at)
    if fault is not None:
        raise DeadLetter(f"malformed: {fault}")
    if not _is_in_its_partition(message, record.partition_id, partition_count):
        raise DeadLetter("wrong partition: another one owns what the command names")
    return message


def _trusted(seal: CutOver, key: SigningKey, appended_at: datetime) -> CutOver:
    """It speaks for every tenant, so the key must. Whether it fits is not told by itself."""
    if key.tenants is not None or not key.is_valid(appended_at):
        raise DeadLetter(f"foreign: key {key.key_id} may not seal a log at this time")
    return seal


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


def _fault(command: AnyCommand | Resolution) -> str | None:
    """What no ingress of ours would have accepted; None when the command makes sense."""
    if (text_fault := _text_fault(command)) is not None:
        return text_fault
    if (key_fault := _key_fault(command)) is not None:
        return key_fault
    if isinstance(command, QuarantineResume):
        return "what is quarantined is not resolved by a dry run" if command.dry_run else None
    match command:
        case AccrualChunk():
            return chunk_fault(command)
        case Reversal() if command.part is not None and command.chunks_total is None:
            return "a part without its manifest"
        case Payment() if command.allocation not in ("auto", "hold"):
            return "allocation is neither auto nor hold"
        case ManualAdjustment():
            return _lines_fault(command)
        case PeriodClose() | PeriodClosed():
            last = monthrange(command.closed_through.year, command.closed_through.month)[1]
            is_end = command.closed_through.day == last
            return None if is_end else "closed_through is not the end of a month"
    return _amount_fault(command)


def _text_fault(command: AnyCommand | Resolution) -> str | None:
    """Text that Postgres could not keep, and so would refuse for ever."""
    currency = getattr(command, "currency", None)
    if currency is not None and _CURRENCY.fullmatch(currency) is None:
        return "currency is not three capital letters"
    texts = [text for name in _TEXTS[type(command)] if (text := getattr(command, name)) is not None]
    metadata: dict[str, str] = getattr(command, "metadata", {})
    if any("\0" in text for text in (*texts, *metadata, *metadata.values())):
        return "U+0000 in a text"
    # A step's key is the client's and its own part, which is checked by itself.
    root = command.idempotency_key.partition("/")[0]
    others = [text for text in texts if text != command.idempotency_key]
    if any(len(text) > MAX_TEXT for text in (root, *others)):
        return f"a text has more than {MAX_TEXT} characters"
    if len(metadata) > MAX_METADATA or any(
        len(name) > MAX_METADATA_NAME or len(text) > MAX_METADATA_VALUE
        for name, text in metadata.items()
    ):
        return "metadata is larger than ingress takes"
    return None


def _key_fault(command: AnyCommand | Resolution) -> str | None:
    """Whether the key is a step's where the command is a step, and a client's where it is not."""
    key = command.idempotency_key
    if isinstance(command, AccrualChunk) or getattr(command, "part", None) is not None:
        return None if step_of(key) else "the key is no step of a batch"
    step = _STEPS.get(type(command))
    if isinstance(command, PeriodClosed):
        step = str(command.partition_id)
    root, _, own = key.partition("/")
    if not root or own != (step or "") or (step is None and "/" in key):
        return "the key is not that of such a step"
    return None


def _date_fault(command: AnyCommand | Resolution, appended_at: datetime) -> str | None:
    """An instant that no id can hold; or a month that by no broker's clock has ended."""
    if command.accepted_at < _FIRST_INSTANT:
        return "accepted_at is before 1970"
    if not isinstance(command, PeriodClosed):
        return None
    is_over = command.closed_through < (appended_at + timedelta(days=1)).date()
    return None if is_over else "it closes a month that has not ended"


def _amount_fault(command: AnyCommand | Resolution) -> str | None:
    for name in _AMOUNTS[type(command)]:
        amount_minor = getattr(command, name)
        least_minor = 0 if name in _MAY_BE_ZERO else 1
        if amount_minor is not None and not least_minor <= amount_minor <= MAX_AMOUNT_MINOR:
            return f"{name} out of range"
    match command:
        case PaymentAllocation() if command.split is not None:
            parts = command.split.values()
            if not command.split.keys() <= set(RECEIVABLES) or min(parts, default=0) < 0:
                return "split names no receivable, or less than nothing"
            if sum(parts) != command.amount_minor:
                return "split does not sum to the amount"
        case RefinanceOpening():
            total_minor = command.carried_minor + command.additional_principal_minor
            return "the new loan is out of range" if total_minor > MAX_AMOUNT_MINOR else None
    return None


def _lines_fault(command: ManualAdjustment) -> str | None:
    if not 2 <= len(command.lines) <= MAX_ADJUSTMENT_LINES:
        return f"lines are not 2 to {MAX_ADJUSTMENT_LINES}"
    for line in command.lines:
        if not 0 < line.amount_minor <= MAX_AMOUNT_MINOR:
            return "a line's amount is out of range"
        if line.direction not in ("DR", "CR") or line.layer not in LAYERS:
            return "a line's direction or layer is unknown"
        if not (_CURRENCY.fullmatch(line.currency) and _ACCOUNT.fullmatch(line.account_code)):
            return "a line's currency or account is malformed"
    return None


def _is_in_its_partition(
    command: AnyCommand | Resolution, partition_id: int, partition_count: int
) -> bool:
    if isinstance(command, PeriodClosed) and command.partition_id >= partition_count:
        return False
    if place_of(command, partition_count)[0] != partition_id:
        return False
    if not isinstance(command, AccrualChunk):
        return True
    return bool((partitions_of(command, partition_count) == partition_id).all())
