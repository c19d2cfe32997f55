"""Accruals reversed: a part of a batch loan by loan, or one loan's share of it.

The shape is that of `accrual`: a loan that refuses is listed with its code and the others are
reversed; one that breaks a rule is listed, too, and the decision names it `at_fault`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from posting_engine.posting import rules
from posting_engine.posting.entries import entry_of, result_of, subject_of
from posting_engine.posting.journal import BrokenInvariant, Entry, Line, Subject, credit, debit
from posting_engine.posting.loan import Loan, format_instant
from posting_engine.posting.page import (
    AccruedLine,
    Decision,
    Page,
    Place,
    Posting,
    ReversalTarget,
)
from posting_engine.posting.refusals import (
    LOAN_QUARANTINED,
    OUT_OF_RANGE,
    Refusal,
    already_reversed,
    itself_a_reversal,
    too_early,
)
from posting_engine.posting.shortfall import cover
from schemas.chart_of_accounts import INTEREST_INCOME, INTEREST_RECEIVABLE
from schemas.commands import Reversal
from schemas.money import format_minor


def reverse_share(command: Reversal, place: Place, page: Page) -> Decision:
    """Reverse one loan's share of an accrual."""
    found = page.accrued.get((command.reverses_entry_id, None, command.loan_id), ())
    shares = [share for share in found if _in_reach(command, share, page) is not None]
    if not shares:
        return Refusal("entry_not_found", "No such accrual of this loan.")
    share = shares[0]
    loan = page.loans[command.tenant_id, share.loan_id]
    if share.reversed_by is not None:
        return already_reversed(share.reversed_by)
    if command.effective_on < share.accrued_on:
        return too_early(share.accrued_on)
    undone = _undo(command, share, loan, place)
    if isinstance(undone, Refusal):
        return undone
    entry = _reversing_entry(command, place, page, share.part, undone.lines)
    result = result_of(entry, undone.loan)
    result["reverses_entry_id"] = str(command.reverses_entry_id)
    result["moved_to_suspense_minor"] = format_minor(undone.moved_minor)
    target = _target(command, share, entry)
    return Posting(result=result, entry=entry, loans=(undone.loan,), targets=(target,))


def reverse_part(command: Reversal, place: Place, page: Page) -> Decision:
    """Reverse what still stands of one part of an accrual batch, loan by loan."""
    shares = page.accrued.get((command.reverses_entry_id, command.part, None), ())
    standing = [share for share in shares if share.reversed_by is None]
    if not standing or standing[0].is_reversal:
        return _nothing_to_reverse(shares)
    undone: list[tuple[AccruedLine, Undone]] = []
    rejections: list[dict[str, object]] = []
    at_fault: list[tuple[UUID, str]] = []
    for share in standing:
        outcome = _undo_or_set_aside(command, share, place, page, at_fault)
        if isinstance(outcome, Refusal):
            rejections.append({"loan_id": str(share.loan_id), "code": outcome.code})
        else:
            undone.append((share, outcome))
    total_minor = sum(share.amount_minor for share, _ in undone)
    members: dict[str, object] = {
        "accrual_event_id": str(standing[0].accrual_event_id),
        "reverses_entry_id": str(command.reverses_entry_id),
        "loan_count": len(undone),
        "total_reversed_minor": format_minor(total_minor),
        "posted_at": format_instant(place.posted_at),
        "rejected_count": len(rejections),
        "rejections": rejections,
    }
    if not undone:
        why = "No loan of the part could be reversed."
        return Refusal(str(rejections[0]["code"]), why, members, at_fault=tuple(at_fault))
    of_the_part = Subject(standing[0].currency, external_ref=command.external_ref)
    income = debit(INTEREST_INCOME, total_minor, of_the_part)
    # The income of the part is one line, as it was when it accrued.
    lines = [income, *(line for _, one in undone for line in one.lines[1:])]
    entry = _reversing_entry(command, place, page, standing[0].part, lines)
    members["journal_entry_id"] = str(entry.journal_entry_id)
    return Posting(
        result=members,
        entry=entry,
        loans=tuple(one.loan for _, one in undone),
        targets=tuple(_target(command, share, entry) for share, _ in undone),
        at_fault=tuple(at_fault),
    )


def _nothing_to_reverse(shares: Sequence[AccruedLine]) -> Refusal:
    """Why no share of a part stands: there is none, it is a reversal, or all were reversed."""
    if not shares:
        return Refusal("entry_not_found", "No such part of an accrual here.")
    reversed_by = next((x.reversed_by for x in shares if x.reversed_by is not None), None)
    return itself_a_reversal() if reversed_by is None else already_reversed(reversed_by)


@dataclass(frozen=True, slots=True)
class Undone:
    """One loan's share undone: DR income first, then CR receivable, then what moved."""

    lines: tuple[Line, ...]
    loan: Loan
    moved_minor: int


def _undo_or_set_aside(
    command: Reversal,
    share: AccruedLine,
    place: Place,
    page: Page,
    at_fault: list[tuple[UUID, str]],
) -> Undone | Refusal:
    """As `_try_undo`; a loan that breaks a rule is refused and listed."""
    try:
        return _try_undo(command, share, place, page)
    except BrokenInvariant as error:
        at_fault.append((share.loan_id, str(error)))
        return LOAN_QUARANTINED


def _try_undo(command: Reversal, share: AccruedLine, place: Place, page: Page) -> Undone | Refusal:
    loan = _in_reach(command, share, page)
    if loan is None:
        return Refusal("entry_not_found", "The accrual belongs to an earlier life of the loan.")
    if loan.quarantined:
        return LOAN_QUARANTINED
    if command.effective_on < share.accrued_on:
        return too_early(share.accrued_on)
    undone = _undo(command, share, loan, place)
    if isinstance(undone, Undone):
        page.check_kept(share.loan_id)
    return undone


def _in_reach(command: Reversal, share: AccruedLine, page: Page) -> Loan | None:
    return page.loan_in_reach(command.tenant_id, share.loan_id, share.entry_seq)


def _undo(command: Reversal, share: AccruedLine, loan: Loan, place: Place) -> Undone | Refusal:
    subject = subject_of(loan, command.external_ref)
    moved = cover(loan, "interest", share.amount_minor, subject)
    if isinstance(moved, Refusal):
        return moved
    lines = (
        debit(INTEREST_INCOME, share.amount_minor, subject),
        credit(INTEREST_RECEIVABLE, share.amount_minor, subject),
        *moved.lines,
    )
    after = loan.with_lines(
        lines,
        place.posted_at,
        collected_interest_minor=loan.collected_interest_minor - moved.amount_minor,
        accrued_through=_accrued_through_without(share, loan),
    )
    if after.is_out_of_range():
        return OUT_OF_RANGE
    return Undone(lines, after, moved.amount_minor)


def _accrued_through_without(share: AccruedLine, loan: Loan) -> date | None:
    """Back to the latest accrual still standing, if the loan's latest one is undone."""
    if loan.accrued_through != share.accrued_on:
        return loan.accrued_through
    earlier = [day for day in (share.previous_accrued_on, loan.accrued_through_floor) if day]
    return max(earlier, default=None)


def _reversing_entry(
    command: Reversal, place: Place, page: Page, part: int, lines: list[Line] | tuple[Line, ...]
) -> Entry:
    return entry_of(
        command,
        place,
        page,
        event_type=rules.REVERSAL,
        effective_on=command.effective_on,
        lines=lines,
        reverses=(command.reverses_entry_id, part),
    )


def _target(command: Reversal, share: AccruedLine, entry: Entry) -> ReversalTarget:
    return ReversalTarget(
        command.reverses_entry_id, share.part, share.loan_id, entry.journal_entry_id
    )
