"""Accruals: a chunk of loans decided as one, each loan posted or refused by itself.

One entry per chunk: a debit of interest receivable per loan and one credit of their sum. A loan
that cannot accrue is listed with its code and the others post; so is one that breaks a rule, and
the decision names it `at_fault`. Large chunks are decided alike by arrays (`accrual_columns`).
"""

from dataclasses import dataclass
from struct import unpack
from uuid import UUID

from posting_engine.posting import rules
from posting_engine.posting.entries import derived, entry_of
from posting_engine.posting.journal import BrokenInvariant, Line, Subject, credit, debit
from posting_engine.posting.loan import Loan, format_instant
from posting_engine.posting.page import Decision, Page, Place, Posting
from posting_engine.posting.refusals import LOAN_QUARANTINED, Refusal
from schemas import ids
from schemas.chart_of_accounts import INTEREST_RECEIVABLE
from schemas.commands import AccrualChunk
from schemas.money import format_minor


@dataclass(frozen=True, slots=True)
class Share:
    """One loan's item of a chunk, in minor units."""

    loan_id: UUID
    principal_minor: int
    interest_minor: int


def shares_of(chunk: AccrualChunk) -> tuple[Share, ...]:
    """The items of a chunk's packed arrays."""
    count = len(chunk.loan_ids) // 16
    principals = unpack(f">{count}q", chunk.principals)
    interests = unpack(f">{count}q", chunk.interests)
    packed = chunk.loan_ids
    return tuple(
        Share(UUID(bytes=packed[16 * i : 16 * i + 16]), principals[i], interests[i])
        for i in range(count)
    )


def decide_chunk(chunk: AccrualChunk, place: Place, page: Page) -> Decision:
    """Accrue a chunk. Refused (`accrual_rejected`) only when every loan of it is."""
    lines: list[Line] = []
    loans: list[Loan] = []
    rejections: list[dict[str, object]] = []
    at_fault: list[tuple[UUID, str]] = []
    mismatches = 0
    for share in shares_of(chunk):
        after = _accrue_or_set_aside(chunk, share, place, page, lines, at_fault)
        if isinstance(after, str):
            rejections.append({"loan_id": str(share.loan_id), "code": after})
        else:
            loans.append(after)
            mismatches += share.principal_minor != after.principal_minor
    total_minor = sum(line.amount_minor for line in lines)
    members = answer_of(
        chunk,
        place,
        loan_count=len(loans),
        total_minor=total_minor,
        mismatches=mismatches,
        rejections=rejections,
    )
    if not loans:
        return refused_whole(members, tuple(at_fault))
    if not lines:
        return Posting(result=members, loans=tuple(loans), at_fault=tuple(at_fault))
    income = rules.RULES[rules.ACCRUAL][1][1]
    lines.append(credit(income, total_minor, Subject(chunk.currency)))
    entry = entry_of(
        chunk,
        place,
        page,
        event_type=rules.ACCRUAL,
        effective_on=chunk.accrued_on,
        lines=lines,
    )
    members["journal_entry_id"] = str(entry.journal_entry_id)
    return Posting(result=members, entry=entry, loans=tuple(loans), at_fault=tuple(at_fault))


def answer_of(
    chunk: AccrualChunk,
    place: Place,
    *,
    loan_count: int,
    total_minor: int,
    mismatches: int,
    rejections: list[dict[str, object]],
) -> dict[str, object]:
    """What a chunk is answered; the entry's id is filled in by whoever makes it."""
    return {
        "accrual_event_id": str(derived(ids.ACCRUAL_EVENT, chunk, place, in_parts=True)),
        "journal_entry_id": None,
        "loan_count": loan_count,
        "total_accrued_minor": format_minor(total_minor),
        "posted_at": format_instant(place.posted_at),
        "rejected_count": len(rejections),
        "principal_mismatch_count": mismatches,
        "rejections": rejections,
    }


def refused_whole(
    members: dict[str, object], at_fault: tuple[tuple[UUID, str], ...] = ()
) -> Refusal:
    """A chunk of which every loan is refused."""
    why = "No loan of the chunk could accrue."
    return Refusal("accrual_rejected", why, members, at_fault=at_fault)


def _accrue_or_set_aside(
    chunk: AccrualChunk,
    share: Share,
    place: Place,
    page: Page,
    lines: list[Line],
    at_fault: list[tuple[UUID, str]],
) -> Loan | str:
    """As `_accrue`; a loan that breaks a rule is refused and listed."""
    try:
        return _accrue(chunk, share, place, page, lines)
    except BrokenInvariant as error:
        at_fault.append((share.loan_id, str(error)))
        return LOAN_QUARANTINED.code


def _accrue(
    chunk: AccrualChunk, share: Share, place: Place, page: Page, lines: list[Line]
) -> Loan | str:
    """One loan after its accrual, its line added to `lines`; or the code of its refusal."""
    loan = page.loan_of(chunk.tenant_id, share.loan_id)
    if loan is None or not loan.life:
        return "loan_not_found"
    if (code := _refusal_code(chunk, share, loan, page)) is not None:
        return code
    accrued_through = max(loan.accrued_through or chunk.accrued_on, chunk.accrued_on)
    own: tuple[Line, ...] = ()
    if share.interest_minor:
        subject = Subject(loan.currency, loan.loan_id, loan.borrower_id)
        own = (debit(INTEREST_RECEIVABLE, share.interest_minor, subject),)
    # Zero interest leaves no trace but the date it moves on.
    active_at = place.posted_at if own else loan.last_activity_at
    after = loan.with_lines(own, active_at, accrued_through=accrued_through)
    if after.is_out_of_range():
        return "balance_out_of_range"
    page.check_kept(share.loan_id)
    lines += own
    return after


def _refusal_code(chunk: AccrualChunk, share: Share, loan: Loan, page: Page) -> str | None:
    if loan.quarantined:
        return "loan_quarantined"
    ended = loan.is_closed or loan.is_cancelled
    if ended or chunk.accrued_on < loan.opened_on:
        return "loan_not_accruing"
    if loan.currency != chunk.currency:
        return "currency_mismatch"
    if _has_accrued(chunk, loan, page):
        return "already_accrued"
    if chunk.require_principal_match and share.principal_minor != loan.principal_minor:
        return "principal_mismatch"
    return None


def _has_accrued(chunk: AccrualChunk, loan: Loan, page: Page) -> bool:
    """Whether the date is taken: by `accrued_through`, or for a backfill by the journal."""
    if chunk.backfill:
        standing = page.standing_accruals.get((loan.tenant_id, loan.loan_id, chunk.accrued_on), 0)
        return standing >= max(1, loan.life_began_seq)
    return loan.accrued_through is not None and chunk.accrued_on <= loan.accrued_through
