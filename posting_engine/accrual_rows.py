"""Chunks decided by arrays: their loans as Postgres sends them, what they change as it takes it.

No driver here, and no rule: `posting.accrual_columns` decides.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray

from posting_engine import packed, rows
from posting_engine.canonical_lines import line_json, lines_json
from posting_engine.packed import RecordShape
from posting_engine.posting.accrual_columns import STATUSES, Accrued, LoanColumns
from posting_engine.posting.page import Posting
from posting_engine.rows import ChainedEntry
from schemas.commands import AccrualChunk

LOAN: Final = RecordShape(
    {
        "place": ">i8",
        "row_id": "V6",
        "borrower_id": "V16",
        "currency": "S3",
        "opened_on": ">i4",
        "last_activity_at": ">i8",
        "principal_minor": ">i8",
        "interest_minor": ">i8",
        "fees_minor": ">i8",
        "suspense_minor": ">i8",
        "unsettled_minor": ">i8",
        "collected_principal_minor": ">i8",
        "collected_interest_minor": ">i8",
        "collected_fees_minor": ">i8",
        "recovered_minor": ">i8",
        "paid_off_principal_minor": ">i8",
        "paid_off_interest_minor": ">i8",
        "paid_off_fees_minor": ">i8",
        "standing_openings": ">i4",
        "standing_payments": ">i4",
        "standing_charge_offs": ">i4",
        "standing_refinances": ">i4",
        "accrued_through": ">i4",
        "life": ">i4",
        "life_began_seq": ">i8",
        "version": ">i8",
    }
)
"""A row of `load_accruing_loans`."""

_EVERYWHERE: Final = ("principal", "interest", "fees", "suspense", "unsettled", "recovered")
_COLLECTED: Final = tuple(f"collected_{name}_minor" for name in ("principal", "interest", "fees"))
_PAID_OFF: Final = tuple(f"paid_off_{name}_minor" for name in ("principal", "interest", "fees"))
_STANDING: Final = tuple(
    f"standing_{name}" for name in ("openings", "payments", "charge_offs", "refinances")
)


@dataclass(frozen=True, slots=True)
class Part:
    """A chunk that has posted by arrays. `link` is None where it has no entry, all interest zero;
    its entry's debits are summed, and `debits` are the lines themselves but for their loans.
    """

    partition_id: int
    tenant_id: UUID
    accrued: Accrued
    link: ChainedEntry | None


def loan_columns(
    chunk: AccrualChunk,
    found: bytes | None,
    quarantined: Collection[UUID],
    standing: Mapping[UUID, int] | None,
) -> LoanColumns:
    """The loans of a chunk, from `load_accruing_loans` and the chunk's other look-ups; raises
    `Misfit` where a row holds what it never should.
    """
    count = len(chunk.loan_ids) // 16
    table = LOAN.read(found or b"")
    places = table["place"].astype(np.intp) - 1
    is_there = np.zeros(count, np.bool_)
    is_there[places] = True

    def spread(column: NDArray[Any], kind: Any) -> NDArray[Any]:
        if len(column) == count and bool((places[:-1] < places[1:]).all()):
            return column.astype(kind)
        whole = np.zeros(count, kind)
        whole[places] = column
        return whole

    def amounts(*names: str) -> NDArray[np.int64]:
        return np.stack([spread(table[name], np.int64) for name in names])

    return LoanColumns(
        loan_ids=ids_of(chunk),
        is_there=is_there,
        is_quarantined=_marked(chunk, quarantined),
        row_ids=spread(table["row_id"], "V6"),
        borrower_ids=spread(table["borrower_id"], "V16"),
        currency=spread(table["currency"], "S3"),
        opened_on=spread(packed.days_of(table["opened_on"]), "M8[D]"),
        last_activity_at=spread(packed.instants_of(table["last_activity_at"]), "M8[us]"),
        collected_minor=amounts(*_COLLECTED),
        paid_off_minor=amounts(*_PAID_OFF),
        standing=np.stack([spread(table[name], np.int32) for name in _STANDING]),
        accrued_through=spread(packed.days_of(table["accrued_through"]), "M8[D]"),
        life=spread(table["life"], np.int32),
        life_began_seq=spread(table["life_began_seq"], np.int64),
        version=spread(table["version"], np.int64),
        standing_seq=None if standing is None else _standing(chunk, standing),
        **{f"{n}_minor": spread(table[f"{n}_minor"], np.int64) for n in _EVERYWHERE},
    )


def ids_of(chunk: AccrualChunk) -> NDArray[Any]:
    """The 16 bytes of each loan's id."""
    return np.frombuffer(chunk.loan_ids, "V16")


def loans_of(chunk: AccrualChunk) -> list[UUID]:
    """The loans that a chunk names."""
    packed_ids = chunk.loan_ids
    return [UUID(bytes=packed_ids[i : i + 16]) for i in range(0, len(packed_ids), 16)]


def _marked(chunk: AccrualChunk, marked: Collection[UUID]) -> NDArray[np.bool_]:
    if not marked:
        return np.zeros(len(chunk.loan_ids) // 16, np.bool_)
    return np.array([loan_id in marked for loan_id in loans_of(chunk)], np.bool_)


def _standing(chunk: AccrualChunk, standing: Mapping[UUID, int]) -> NDArray[np.int64]:
    return np.array([standing.get(loan_id, 0) for loan_id in loans_of(chunk)], np.int64)


def chained(
    partition_id: int,
    head: bytes,
    entry_seq: int,
    command_offset: int,
    tenant_id: UUID,
    posting: Posting,
) -> tuple[Part, bytes]:
    """Link a posting by arrays; the part and the new head."""
    entry, accrued = posting.entry, posting.accrued
    if accrued is None:
        raise TypeError("the posting is not one by arrays")
    link = None
    if entry is not None:
        summed, income = entry.lines
        lines = lines_json(
            summed,
            accrued.loans.loan_ids[accrued.debited],
            accrued.loans.borrower_ids[accrued.debited],
            accrued.debits_minor,
        )
        whole = msgspec.Raw(b"[" + lines + line_json(income) + b"]")
        head = rows.link_of(head, partition_id, entry_seq, entry, lines=whole)
        link = ChainedEntry(partition_id, entry_seq, command_offset, entry, head)
    return Part(partition_id, tenant_id, accrued, link), head


def writes_of(parts: Sequence[Part]) -> list[tuple[str, Mapping[str, Any]]]:
    """The statements that write parts, loans in order of their keys, `check_balance` aside."""
    written: list[tuple[str, Mapping[str, Any]]] = [
        ("accrue_loans", _loans_after(part)) for part in sorted(parts, key=_key_of)
    ]
    linked = [(part, part.link) for part in parts if part.link is not None]
    if not linked:
        return written
    links = [link for _, link in linked]
    # The sequences of the debits count from 1; the income follows.
    incomes = [(link, len(part.accrued.debited) + 1, link.entry.lines[1]) for part, link in linked]
    written.append(("insert_entries", rows.entry_columns(links)))
    written += [("insert_debits", _debits(part.accrued, link)) for part, link in linked]
    written.append(("insert_lines", rows.placed_line_columns(incomes)))
    written.append(("add_account_days", rows.account_day_columns(links)))
    return written


def _key_of(part: Part) -> tuple[int, UUID, bytes]:
    return part.partition_id, part.tenant_id, part.accrued.loans.loan_ids[0].tobytes()


def _loans_after(part: Part) -> dict[str, Any]:
    accrued = part.accrued
    return {
        "partition_id": part.partition_id,
        "tenant_id": part.tenant_id,
        "statuses": list(STATUSES),
        "row_id": packed.row_ids(accrued.loans.row_ids[accrued.kept]),
        "loan_id": packed.uuids(accrued.loans.loan_ids[accrued.kept]),
        "interest_minor": packed.bigints(accrued.interest_after_minor),
        "status": packed.smallints(accrued.status + 1),
        "accrued_through": packed.dates(accrued.accrued_through),
        "last_activity_at": packed.timestamps(accrued.last_activity_at),
        "read_version": packed.bigints(accrued.loans.version[accrued.kept]),
    }


def _debits(accrued: Accrued, link: ChainedEntry) -> dict[str, Any]:
    summed = link.entry.lines[0]
    return {
        "partition_id": link.partition_id,
        "entry_seq": link.entry_seq,
        "tenant_id": link.entry.tenant_id,
        "account_code": summed.account_code,
        "direction": summed.direction,
        "currency": summed.currency,
        "layer": summed.layer,
        "effective_on": link.entry.effective_on,
        "loan_id": packed.uuids(accrued.loans.loan_ids[accrued.debited]),
        "borrower_id": packed.uuids(accrued.loans.borrower_ids[accrued.debited]),
        "amount_minor": packed.bigints(accrued.debits_minor),
    }
