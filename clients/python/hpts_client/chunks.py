"""An accrual batch as the log carries it: loans by partition, cut as ingress cuts them. Pure.

Five million loans must fit beside other jobs: each takes 32 bytes (16 of its id, 8 each of
principal and interest, big-endian), in one array a partition, and chunks are made one at a time.
The same batch gives the same bytes, whoever makes them and however often.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from heapq import merge
from itertools import islice, pairwise
from struct import Struct, iter_unpack
from typing import Final
from uuid import UUID
from zlib import crc32

from schemas.commands import AccrualChunk
from schemas.partitioning import record_key

ROUTE: Final = "POST /v1/accruals/batch"
"""What the fingerprint of a batch begins with, whichever way it came."""
CHUNK_LOANS: Final = 1_000
MOST_LOANS: Final = 5_000_000
MOST_TOTAL_MINOR: Final = 10**18 - 1
DAY_COUNT_CONVENTIONS: Final = ("ACT_365", "ACT_360", "ACT_364", "ACT_ACT", "30_360", "30E_360")

ITEM: Final = Struct(">16sqq")
"""One loan: the bytes of its id, its principal and its interest in minor units."""
_RUN: Final = 262_144
_RUN_BYTES: Final = _RUN * ITEM.size


class LoanListedTwice(Exception):
    """A batch may list a loan once; `loan_id` names one that is there more often."""

    def __init__(self, loan_id: UUID) -> None:
        super().__init__(f"loan {loan_id} is in the batch more than once")
        self.loan_id = loan_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for all loans of a batch."""

    program_id: UUID
    accrued_on: date
    day_count_convention: str
    currency: str
    require_principal_match: bool = False
    backfill: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """Who gave the batch, under which key, and when: all of its ids derive from these."""

    tenant_id: UUID
    idempotency_key: str
    fingerprint: bytes
    accepted_at: datetime
    actor: str


@dataclass(frozen=True, slots=True, order=True)
class Cut:
    """One chunk's place: the `number`th of its partition."""

    partition_id: int
    number: int

    def key_under(self, batch_key: str) -> str:
        """The idempotency key of the chunk."""
        return f"{batch_key}/{self.partition_id}/{self.number}"


class Loans:
    """The loans of one batch of a tenant. Add all, then `sort` once, then ask for chunks."""

    def __init__(self, tenant_id: UUID, partition_count: int) -> None:
        self.count = 0
        self.interest_total_minor = 0
        self._tenant_crc = crc32(tenant_id.bytes)
        self._portions = [bytearray() for _ in range(partition_count)]
        self._listed = sha256()

    def add(self, items: Sequence[bytes], interest_minor: int) -> None:
        """Add packed loans (`ITEM`), whose interest sums to `interest_minor`."""
        tenant_crc, portions, partition_count = (
            self._tenant_crc,
            self._portions,
            len(self._portions),
        )
        for item in items:
            portions[crc32(item[:16], tenant_crc) % partition_count] += item
        self._listed.update(b"".join(items))
        self.count += len(items)
        self.interest_total_minor += interest_minor

    @property
    def listed_digest(self) -> str:
        """SHA-256 of all loans in the order in which they were listed, in hex."""
        return self._listed.hexdigest()

    def sort(self) -> None:
        """Bring each partition's loans into the order of their ids; raises `LoanListedTwice`."""
        for number, portion in enumerate(self._portions):
            self._portions[number] = _sorted(portion)

    def cuts(self) -> list[Cut]:
        """Every chunk there is, in order of partition and number."""
        chunk_bytes = CHUNK_LOANS * ITEM.size
        return [
            Cut(partition_id, number)
            for partition_id, portion in enumerate(self._portions)
            for number in range(-(-len(portion) // chunk_bytes))
        ]

    def count_in(self, cut: Cut) -> int:
        """How many loans one chunk has."""
        return len(self.of(cut)) // ITEM.size

    def of(self, cut: Cut) -> memoryview:
        """The packed loans of one chunk."""
        begin = cut.number * CHUNK_LOANS * ITEM.size
        return memoryview(self._portions[cut.partition_id])[begin : begin + CHUNK_LOANS * ITEM.size]


def chunk_of(
    loans: Loans, cut: Cut, terms: Terms, acceptance: Acceptance, *, chunks_total: int
) -> AccrualChunk:
    """The command of one chunk."""
    ids, principals, interests = zip(*iter_unpack(">16s8s8s", loans.of(cut)), strict=True)
    return AccrualChunk(
        tenant_id=acceptance.tenant_id,
        idempotency_key=cut.key_under(acceptance.idempotency_key),
        fingerprint=acceptance.fingerprint,
        accepted_at=acceptance.accepted_at,
        actor=acceptance.actor,
        program_id=terms.program_id,
        accrued_on=terms.accrued_on,
        day_count_convention=terms.day_count_convention,
        currency=terms.currency,
        require_principal_match=terms.require_principal_match,
        backfill=terms.backfill,
        chunks_total=chunks_total,
        loans_total=loans.count,
        interest_total_minor=loans.interest_total_minor,
        loan_ids=b"".join(ids),
        principals=b"".join(principals),
        interests=b"".join(interests),
    )


def record_key_of(chunk: AccrualChunk) -> bytes:
    """The Kafka record key of a chunk: tenant ‖ its first loan."""
    return record_key(chunk.tenant_id, UUID(bytes=chunk.loan_ids[:16]))


def _sorted(portion: bytearray) -> bytearray:
    """In runs that are then merged, so that no more than a run is ever a list of Python objects."""
    for begin in range(0, len(portion), _RUN_BYTES):
        run = sorted(_items(portion, begin))
        portion[begin : begin + len(run) * ITEM.size] = b"".join(run)
    if len(portion) > _RUN_BYTES:
        portion = _merged(portion)
    for earlier, later in pairwise(_ids(portion)):
        if earlier == later:
            raise LoanListedTwice(UUID(bytes=earlier))
    return portion


def _merged(portion: bytearray) -> bytearray:
    runs = [iter(_items(portion, begin)) for begin in range(0, len(portion), _RUN_BYTES)]
    in_order = merge(*runs)
    merged = bytearray()
    while block := b"".join(islice(in_order, CHUNK_LOANS)):
        merged += block
    return merged


def _items(portion: bytearray, begin: int) -> Iterator[bytes]:
    view = memoryview(portion)
    for start in range(begin, min(begin + _RUN_BYTES, len(portion)), ITEM.size):
        yield bytes(view[start : start + ITEM.size])


def _ids(portion: bytearray) -> Iterator[bytes]:
    for (identifier,) in iter_unpack(">16s16x", portion):
        yield identifier
