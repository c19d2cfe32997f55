"""A chunk of accruals decided by arrays: what `accrual.decide_chunk` decides, loan by loan.

The one module of the core that uses numpy. It decides what is plain; whatever could break a rule
it leaves to the scalar core, which names the loans at fault. `tests/posting/test_accrual_columns`
holds both equal. Amounts are int64 minor units; all arrays have one element a share of the chunk.
"""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from posting_engine.posting import accrual, rules
from posting_engine.posting.accrual import answer_of, refused_whole
from posting_engine.posting.entries import entry_of
from posting_engine.posting.journal import Subject
from posting_engine.posting.page import Decision, Page, Place, Posting
from posting_engine.posting.refusals import PRECEDENCE, Refusal
from schemas.commands import AccrualChunk
from schemas.money import MAX_AMOUNT_MINOR

Amounts = NDArray[np.int64]
Days = NDArray[np.datetime64]
Instants = NDArray[np.datetime64]
Truths = NDArray[np.bool_]

STATUSES: Final = ("active", "paid_off")
"""What a loan that has accrued may be; `Accrued.status` counts from 0 in it."""

_CODES: Final = PRECEDENCE[rules.ACCRUAL]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoanColumns:
    """The loans that a chunk names. Where `is_there` is False, the rest says nothing.

    `row_ids` are the shell's own, to write the rows by.
    `accrued_through` is NaT where nothing has accrued. `paid_off`, `collected` and `standing` have
    a row a name, in the order of `Loan`'s members. `standing_seq`, for a backfill: the entry_seq of
    the accrual that stands on its date, 0 where none does.
    """

    loan_ids: NDArray[Any]
    is_there: Truths
    is_quarantined: Truths
    row_ids: NDArray[Any]
    borrower_ids: NDArray[Any]
    currency: NDArray[np.bytes_]
    opened_on: Days
    last_activity_at: Instants
    principal_minor: Amounts
    interest_minor: Amounts
    fees_minor: Amounts
    suspense_minor: Amounts
    unsettled_minor: Amounts
    collected_minor: Amounts
    recovered_minor: Amounts
    paid_off_minor: Amounts
    standing: NDArray[np.int32]
    accrued_through: Days
    life: NDArray[np.int32]
    life_began_seq: NDArray[np.int64]
    version: NDArray[np.int64]
    standing_seq: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Accrued:
    """What a chunk changes, one element a share in `kept`, the places of those that accrued.

    `debited` are the places of those with interest, one debit each; the posting's entry has one
    debit of their sum instead.
    """

    loans: LoanColumns
    kept: NDArray[np.intp]
    interest_after_minor: Amounts
    accrued_through: Days
    last_activity_at: Instants
    status: NDArray[np.int16]
    debited: NDArray[np.intp]
    debits_minor: Amounts


class NotByArrays(Exception):
    """The chunk is not plain: the scalar core must decide it."""


def decide_chunk(chunk: AccrualChunk, place: Place, page: Page) -> Decision:
    """Accrue a chunk: by arrays where the page has its loans in columns."""
    loans = page.loan_columns.get((chunk.tenant_id, chunk.idempotency_key))
    if loans is None:
        return accrual.decide_chunk(chunk, place, page)
    return decide_by_arrays(chunk, place, page, loans)


def decide_by_arrays(
    chunk: AccrualChunk, place: Place, page: Page, loans: LoanColumns
) -> Posting | Refusal:
    """As `accrual.decide_chunk`; raises `NotByArrays` where that must decide."""
    principals_minor, interests_minor = _amounts(chunk.principals), _amounts(chunk.interests)
    if page.at_fault or _is_damaged(loans):
        raise NotByArrays("some loan of the chunk is at fault, or an amount of it below zero")
    after_minor = loans.interest_minor + interests_minor
    refused = _refusals(chunk, loans, principals_minor, after_minor)
    kept = np.flatnonzero(refused == 0)
    posted_minor = interests_minor[kept]
    total_minor = int(posted_minor.sum())
    result = answer_of(
        chunk,
        place,
        loan_count=len(kept),
        total_minor=total_minor,
        mismatches=int(np.count_nonzero(principals_minor[kept] != loans.principal_minor[kept])),
        rejections=_rejections(chunk, refused),
    )
    if not len(kept):
        return refused_whole(result)
    entry = None
    if total_minor:
        # It balances exactly if the entry with each loan's debit does.
        lines = rules.lines_of(rules.ACCRUAL, {"interest": total_minor}, Subject(chunk.currency))
        entry = entry_of(
            chunk,
            place,
            page,
            event_type=rules.ACCRUAL,
            effective_on=chunk.accrued_on,
            lines=lines,
        )
        result["journal_entry_id"] = str(entry.journal_entry_id)
    accrued = _accrued(chunk, place, loans, kept, after_minor[kept], posted_minor)
    return Posting(result=result, entry=entry, accrued=accrued)


def _accrued(
    chunk: AccrualChunk,
    place: Place,
    loans: LoanColumns,
    kept: NDArray[np.intp],
    after_minor: Amounts,
    posted_minor: Amounts,
) -> Accrued:
    has_line = posted_minor > 0
    exposure_minor = loans.principal_minor[kept] + after_minor + loans.fees_minor[kept]
    posted_at = np.datetime64(place.posted_at.replace(tzinfo=None), "us")
    return Accrued(
        loans=loans,
        kept=kept,
        interest_after_minor=after_minor,
        # A date is later than none.
        accrued_through=np.fmax(loans.accrued_through[kept], _day(chunk)),
        # Zero interest leaves no trace but the date it moves on.
        last_activity_at=np.where(has_line, posted_at, loans.last_activity_at[kept]),
        status=np.where(exposure_minor > 0, 0, 1).astype(np.int16),
        debited=kept[has_line],
        debits_minor=posted_minor[has_line],
    )


def _amounts(packed: bytes) -> Amounts:
    return np.frombuffer(packed, ">i8").astype(np.int64)


def _day(chunk: AccrualChunk) -> np.datetime64:
    return np.datetime64(chunk.accrued_on, "D")


def _is_damaged(loans: LoanColumns) -> bool:
    """Whether an amount or count is below zero somewhere, which no rule of ours brings about."""
    return any(
        bool((amounts < 0).any())
        for amounts in (
            *(loans.principal_minor, loans.interest_minor, loans.fees_minor),
            *(loans.suspense_minor, loans.unsettled_minor, loans.recovered_minor),
            *(loans.collected_minor, loans.paid_off_minor, loans.standing),
        )
    )


def _refusals(
    chunk: AccrualChunk, loans: LoanColumns, principals_minor: Amounts, after_minor: Amounts
) -> NDArray[np.int8]:
    """For each share 0, or the number of its refusal, counted from 1 in `_CODES`."""
    openings, payments, charge_offs, refinances = loans.standing
    is_empty = (
        loans.principal_minor
        + loans.interest_minor
        + loans.fees_minor
        + loans.suspense_minor
        + loans.unsettled_minor
    ) == 0
    is_cancelled = is_empty & (openings == 0) & (payments == 0)
    is_over = (charge_offs > 0) | (refinances > 0) | is_cancelled
    differs = principals_minor != loans.principal_minor
    refused = np.zeros(len(principals_minor), np.int8)
    holds = (
        ~loans.is_there | (loans.life == 0),
        loans.is_quarantined,
        is_over | (_day(chunk) < loans.opened_on),
        loans.currency != chunk.currency.encode(),
        _has_accrued(chunk, loans),
        differs if chunk.require_principal_match else np.zeros_like(differs),
        _is_out_of_range(loans, after_minor),
    )
    for number in range(len(_CODES), 0, -1):
        refused[holds[number - 1]] = number
    return refused


def _has_accrued(chunk: AccrualChunk, loans: LoanColumns) -> Truths:
    if chunk.backfill:
        if loans.standing_seq is None:
            raise TypeError("a backfill goes by what stands in the journal")
        return loans.standing_seq >= np.maximum(1, loans.life_began_seq)
    has_accrued: Truths = loans.accrued_through >= _day(chunk)
    return has_accrued


def _is_out_of_range(loans: LoanColumns, after_minor: Amounts) -> Truths:
    """As `Loan.is_out_of_range`, written so that no sum can pass an int64."""
    receivables_minor = np.stack([loans.principal_minor, after_minor, loans.fees_minor])
    others_minor = np.stack([loans.suspense_minor, loans.unsettled_minor, loans.recovered_minor])
    largest_minor = np.maximum(others_minor.max(axis=0), loans.collected_minor.max(axis=0))
    passes: Truths = np.any(loans.paid_off_minor > MAX_AMOUNT_MINOR - receivables_minor, axis=0)
    passes |= largest_minor > MAX_AMOUNT_MINOR
    return passes


def _rejections(chunk: AccrualChunk, refused: NDArray[np.int8]) -> list[dict[str, object]]:
    return [
        {
            "loan_id": str(UUID(bytes=chunk.loan_ids[16 * place : 16 * place + 16])),
            "code": _CODES[refused[place] - 1],
        }
        for place in np.flatnonzero(refused).tolist()
    ]
