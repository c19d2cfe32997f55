"""Accrual batches: a body of loans to chunks of one partition each (design section 6).

Each partition's loans are sorted by id, because the engine then updates them in key order, and
cut into chunks. Every chunk carries the manifest, so a batch can be read from outcomes alone.
A body is one JSON document (here) or a stream of lines (`accrual_streams`); both mean the same
batch, with the same fingerprint. Pure.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from struct import Struct
from typing import Any, Final
from uuid import UUID

from ingress_api import fields
from ingress_api.bodies import Envelope, Values, invalid, latest_on
from ingress_api.fields import Faults, Kind, Member, read_members, schema_of
from ingress_api.loan_arrays import Loans, Piece
from schemas import ids, scopes
from schemas.commands import AccrualChunk
from schemas.fingerprints import fingerprint
from schemas.partitioning import record_key
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
_ROW: Final = Struct(">16sqq")
"""A loan as `loan_arrays.ROW` has it."""
_UUID: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE
)
_AMOUNT: Final = re.compile(r"(?:0|[1-9][0-9]{0,14})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A checked batch. `digest` is the request's fingerprint."""

    program_id: UUID
    accrued_on: date
    day_count_convention: str
    currency: str
    require_principal_match: bool
    backfill: bool
    loans: Loans
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
    values = read_envelope(document.value, BATCH, faults, default_currency)
    if faults.errors:
        raise invalid(faults.errors)
    return batch_of(values, Loans(values["loans"]), default_currency)


def read_envelope(
    value: object, members: Sequence[Member], faults: Faults, default_currency: str | None
) -> dict[str, Any]:
    """What a batch says of itself, with the tenant's own currency where it names none."""
    values: dict[str, Any] = read_members(value, members, faults)
    if "currency" not in values and default_currency is None and isinstance(value, dict):
        faults.add("/currency", "required", "is required: the tenant has no default currency")
    return values


def batch_of(values: Values, loans: Loans, default_currency: str | None) -> Batch:
    """A batch without faults, once its sums are those that it declares."""
    _check_manifest(values, len(loans), loans.interest_total_minor)
    return Batch(
        program_id=values["program_id"],
        accrued_on=values["accrual_date"],
        day_count_convention=values["day_count_convention"],
        currency=values.get("currency", default_currency),
        require_principal_match=values.get("require_principal_match", False),
        backfill=values.get("backfill", False),
        loans=loans,
        # The loans' digest stands for them: 10,000 would be a megabyte of canonical JSON.
        digest=fingerprint(f"POST {PATH}", {**values, "loans": loans.digest}),
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


class Chunks:
    """The chunks of a batch, in order of partition and number; each is made when it is taken."""

    def __init__(self, batch: Batch, envelope: Envelope, partition_count: int) -> None:
        self._batch = batch
        self._envelope = envelope
        self._portions = batch.loans.portions(envelope.tenant_id, partition_count)
        self.total = self._portions.pieces_total(CHUNK_LOANS)

    def __iter__(self) -> Iterator[Step]:
        return map(self._step, self._portions.pieces(CHUNK_LOANS))

    def _step(self, piece: Piece) -> Step:
        batch, envelope = self._batch, self._envelope
        key = f"{envelope.idempotency_key}/{piece.partition_id}/{piece.number}"
        chunk = AccrualChunk(
            **{**envelope.common(), "idempotency_key": key},
            program_id=batch.program_id,
            accrued_on=batch.accrued_on,
            day_count_convention=batch.day_count_convention,
            currency=batch.currency,
            require_principal_match=batch.require_principal_match,
            backfill=batch.backfill,
            chunks_total=self.total,
            loans_total=len(batch.loans),
            interest_total_minor=batch.loans.interest_total_minor,
            loan_ids=piece.loan_ids,
            principals=piece.principals,
            interests=piece.interests,
        )
        subject = record_key(envelope.tenant_id, UUID(bytes=piece.loan_ids[:16]))
        return Step(piece.partition_id, key, subject, chunk)


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
        return b""
    if not 1 <= len(value) <= MAX_LOANS:
        faults.add(pointer, "invalid_length", f"must have 1 to {MAX_LOANS} loans")
        return b""
    rows: list[bytes] = []
    seen: set[bytes] = set()
    for index, loan in enumerate(value):
        row = pack_loan(loan, f"{pointer}/{index}", faults)
        if not row:
            continue
        if row[:16] in seen:
            faults.add(f"{pointer}/{index}/loan_id", "duplicate_loan", LISTED_AGAIN)
        seen.add(row[:16])
        rows.append(row)
    return b"".join(rows)


def pack_loan(loan: object, pointer: str, faults: Faults) -> bytes:
    """The packed row of one loan; none where not even its id can be told.

    Of a loan with a fault the amounts are 0, so that a second listing is found, too.
    """
    return _plain_row(loan) or _any_row(loan, pointer, faults)


def _plain_row(loan: object) -> bytes:
    """A loan without fault, read fast; nothing sends it to the general checks."""
    if not isinstance(loan, dict) or len(loan) != len(LOAN):
        return b""
    loan_id = loan.get("loan_id")
    principal = loan.get("outstanding_principal_minor")
    interest = loan.get("interest_minor")
    if not (isinstance(loan_id, str) and isinstance(principal, str) and isinstance(interest, str)):
        return b""
    if _UUID.fullmatch(loan_id) is None:
        return b""
    if _AMOUNT.fullmatch(principal) is None or _AMOUNT.fullmatch(interest) is None:
        return b""
    packed_id = bytes.fromhex(loan_id.replace("-", ""))
    if packed_id == _NIL:
        return b""
    return _ROW.pack(packed_id, int(principal), int(interest))


def _any_row(loan: object, pointer: str, faults: Faults) -> bytes:
    """A loan by the general checks, which say what is wrong with it."""
    before = len(faults.errors)
    values: Mapping[str, Any] = read_members(loan, LOAN, faults, pointer)
    loan_id = values.get("loan_id")
    if len(faults.errors) > before:
        if isinstance(loan_id, UUID) and loan_id.bytes != _NIL:
            return _ROW.pack(loan_id.bytes, 0, 0)
        return b""
    return _ROW.pack(
        values["loan_id"].bytes, values["outstanding_principal_minor"], values["interest_minor"]
    )


LOANS: Final = Kind(
    _check_loans,
    {"type": "array", "minItems": 1, "maxItems": MAX_LOANS, "items": schema_of(LOAN)},
)
LISTED_AGAIN: Final = "the loan is in the batch already"
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
HEADER: Final = tuple(member for member in BATCH if member.name != "loans")
"""What the first line of a stream may hold."""
