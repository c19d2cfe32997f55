"""Accrual batches: a body of loans to chunks of one partition each (design section 6).

Each partition's loans are sorted by id, because the engine then updates them in key order, and
cut into chunks. Every chunk carries the manifest, so a batch can be read from outcomes alone.
Pure.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from struct import pack
from typing import Final
from uuid import UUID

from ingress_api import fields
from ingress_api.bodies import Envelope, Values, fingerprint, invalid, latest_on
from ingress_api.fields import Faults, Kind, Member, read_members, schema_of
from schemas import ids, scopes
from schemas.commands import AccrualChunk
from schemas.partitioning import partition_of_key, record_key
from schemas.problems import FieldError, Problem, ProblemError
from schemas.strict_json import Document

PATH: Final = "/v1/accruals/batch"
SCOPE: Final = scopes.ACCRUALS_WRITE
MAX_LOANS: Final = 10_000
CHUNK_LOANS: Final = 1_000
CONVENTIONS: Final = ("ACT_365", "ACT_360", "ACT_364", "ACT_ACT", "30_360", "30E_360")

LOAN: Final = (
    Member("loan_id", fields.LOAN_ID),
    Member("outstanding_principal_minor", fields.AMOUNT_OR_ZERO),
    Member("interest_minor", fields.AMOUNT_OR_ZERO),
)
_NIL: Final = bytes(16)
_UUID: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE
)
_AMOUNT: Final = re.compile(r"(?:0|[1-9][0-9]{0,14})", re.ASCII)


@dataclass(frozen=True, slots=True)
class LoanItem:
    """One loan of a batch, in minor units. `packed_id`: the 16 bytes of its id."""

    packed_id: bytes
    principal_minor: int
    interest_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A checked batch. `digest` is the request's fingerprint."""

    program_id: UUID
    accrued_on: date
    day_count_convention: str
    currency: str
    require_principal_match: bool
    backfill: bool
    items: tuple[LoanItem, ...]
    interest_total_minor: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a request that became many, ready for `outgoing_commands`."""

    partition_id: int
    idempotency_key: str
    record_key: bytes
    command: AccrualChunk


def read_batch(document: Document, accepted_on: date, default_currency: str | None) -> Batch:
    """A batch from its body; raises `validation_failed` or `manifest_mismatch`."""
    faults = Faults(latest_on(accepted_on))
    faults.take(document.faults)
    values = read_members(document.value, BATCH, faults)
    currency = values.get("currency", default_currency)
    if currency is None and isinstance(document.value, dict):
        faults.add("/currency", "required", "is required: the tenant has no default currency")
    if faults.errors:
        raise invalid(faults.errors)
    items: tuple[LoanItem, ...] = values["loans"]  # type: ignore[assignment]
    total_minor = sum(item.interest_minor for item in items)
    _check_manifest(values, len(items), total_minor)
    return _batch(values, str(currency), items, total_minor)


def _batch(values: Values, currency: str, items: tuple[LoanItem, ...], total_minor: int) -> Batch:
    # The items' digest stands for them: 10,000 loans would be a megabyte of canonical JSON.
    packed = sha256()
    for item in items:
        packed.update(pack(">16sqq", item.packed_id, item.principal_minor, item.interest_minor))
    return Batch(
        program_id=values["program_id"],
        accrued_on=values["accrual_date"],
        day_count_convention=values["day_count_convention"],
        currency=currency,
        require_principal_match=values.get("require_principal_match", False),
        backfill=values.get("backfill", False),
        items=items,
        interest_total_minor=total_minor,
        digest=fingerprint(f"POST {PATH}", {**values, "loans": packed.hexdigest()}),
    )


def _check_manifest(values: Values, loan_count: int, total_minor: int) -> None:
    if total_minor > fields.MAX_TOTAL_MINOR:
        message = f"the interest must sum to at most {fields.MAX_TOTAL_MINOR}"
        raise invalid([FieldError("/loans", "amount_out_of_range", message)])
    errors = []
    if values.get("expected_loan_count", loan_count) != loan_count:
        message = f"the batch has {loan_count} loans"
        errors.append(FieldError("/expected_loan_count", "manifest_mismatch", message))
    if values.get("expected_total_minor", total_minor) != total_minor:
        message = f"the interest sums to {total_minor}"
        errors.append(FieldError("/expected_total_minor", "manifest_mismatch", message))
    if errors:
        raise ProblemError(Problem(code="manifest_mismatch", errors=tuple(errors)))


def steps_of(batch: Batch, envelope: Envelope, partition_count: int) -> list[Step]:
    """The chunks of a batch, in order of partition and number."""
    tenant = envelope.tenant_id.bytes
    shares: dict[int, list[LoanItem]] = {}
    for item in batch.items:
        owner = partition_of_key(tenant + item.packed_id, partition_count)
        shares.setdefault(owner, []).append(item)
    cuts = [
        (partition_id, number, items[start : start + CHUNK_LOANS])
        for partition_id, items in sorted(shares.items())
        if items.sort(key=_packed_id) is None
        for number, start in enumerate(range(0, len(items), CHUNK_LOANS))
    ]
    return [
        _step(batch, envelope, partition_id, number, items, len(cuts))
        for partition_id, number, items in cuts
    ]


def _packed_id(item: LoanItem) -> bytes:
    return item.packed_id


def _step(
    batch: Batch,
    envelope: Envelope,
    partition_id: int,
    number: int,
    items: Sequence[LoanItem],
    chunks_total: int,
) -> Step:
    key = f"{envelope.idempotency_key}/{partition_id}/{number}"
    count = len(items)
    chunk = AccrualChunk(
        **{**envelope.common(), "idempotency_key": key},
        program_id=batch.program_id,
        accrued_on=batch.accrued_on,
        day_count_convention=batch.day_count_convention,
        currency=batch.currency,
        require_principal_match=batch.require_principal_match,
        backfill=batch.backfill,
        chunks_total=chunks_total,
        loans_total=len(batch.items),
        interest_total_minor=batch.interest_total_minor,
        loan_ids=b"".join(item.packed_id for item in items),
        principals=pack(f">{count}q", *(item.principal_minor for item in items)),
        interests=pack(f">{count}q", *(item.interest_minor for item in items)),
    )
    subject = record_key(envelope.tenant_id, UUID(bytes=items[0].packed_id))
    return Step(partition_id, key, subject, chunk)


def id_in_parts(kind: str, envelope: Envelope) -> UUID:
    """An id of a request that became many commands: its own, its event's or its entry's."""
    return ids.derive(
        kind,
        tenant_id=envelope.tenant_id,
        key=envelope.idempotency_key,
        accepted_at=envelope.accepted_at,
        partition_id=ids.IN_PARTS,
    )


def _check_loans(value: object, pointer: str, faults: Faults) -> object:
    if not isinstance(value, list):
        faults.add(pointer, "invalid_type", "must be an array")
        return ()
    if not 1 <= len(value) <= MAX_LOANS:
        faults.add(pointer, "invalid_length", f"must have 1 to {MAX_LOANS} loans")
        return ()
    items: list[LoanItem] = []
    seen: set[bytes] = set()
    for index, loan in enumerate(value):
        item = _plain_item(loan) or _any_item(loan, f"{pointer}/{index}", faults)
        if item is None:
            continue
        if item.packed_id in seen:
            place = f"{pointer}/{index}/loan_id"
            faults.add(place, "duplicate_loan", "the loan is in the batch already")
        seen.add(item.packed_id)
        items.append(item)
    return tuple(items)


def _plain_item(loan: object) -> LoanItem | None:
    """A loan without fault, read fast; None sends it to the general checks."""
    if not isinstance(loan, dict) or len(loan) != len(LOAN):
        return None
    loan_id = loan.get("loan_id")
    principal = loan.get("outstanding_principal_minor")
    interest = loan.get("interest_minor")
    if not (isinstance(loan_id, str) and isinstance(principal, str) and isinstance(interest, str)):
        return None
    if _UUID.fullmatch(loan_id) is None:
        return None
    if _AMOUNT.fullmatch(principal) is None or _AMOUNT.fullmatch(interest) is None:
        return None
    packed_id = bytes.fromhex(loan_id.replace("-", ""))
    if packed_id == _NIL:
        return None
    return LoanItem(packed_id, int(principal), int(interest))


def _any_item(loan: object, pointer: str, faults: Faults) -> LoanItem | None:
    """A loan by the general checks, which say what is wrong with it."""
    before = len(faults.errors)
    values: Values = read_members(loan, LOAN, faults, pointer)
    loan_id = values.get("loan_id")
    if isinstance(loan_id, UUID) and len(faults.errors) > before:
        # Its place in the batch is known, so that a second listing is found, too.
        return LoanItem(loan_id.bytes, 0, 0)
    if len(faults.errors) > before:
        return None
    return LoanItem(
        values["loan_id"].bytes, values["outstanding_principal_minor"], values["interest_minor"]
    )


LOANS: Final = Kind(
    _check_loans,
    {"type": "array", "minItems": 1, "maxItems": MAX_LOANS, "items": schema_of(LOAN)},
)
BATCH: Final = (
    Member("program_id", fields.IDENTIFIER),
    Member("accrual_date", fields.EFFECTIVE_DATE),
    Member("day_count_convention", fields.one_of(*CONVENTIONS)),
    Member("loans", LOANS),
    Member("currency", fields.CURRENCY, required=False),
    Member("expected_loan_count", fields.COUNT, required=False),
    Member("expected_total_minor", fields.TOTAL_OR_ZERO, required=False),
    Member("require_principal_match", fields.FLAG, required=False),
    Member("backfill", fields.FLAG, required=False),
)
