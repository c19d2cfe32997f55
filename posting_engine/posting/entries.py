"""From a command and its place in the log to an entry, its ids and its answer."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from posting_engine.posting import rules
from posting_engine.posting.journal import Entry, Line, Subject
from posting_engine.posting.loan import Loan, format_instant
from posting_engine.posting.page import Page, Place, Posting
from posting_engine.posting.refusals import OUT_OF_RANGE, Refusal
from schemas import ids
from schemas.commands import (
    FIRST_STEPS,
    FOLLOWING_STEPS,
    PART_OF_STEP,
    AccrualChunk,
    Command,
    DisbursementSettlement,
    LoanEvent,
    PayoffReversal,
    PeriodClose,
    PeriodClosed,
    Refinance,
    RefinanceOpening,
    RefinancePayoff,
    RefinanceRelease,
    RefinanceReversal,
    Reversal,
)

DETAILS: Final = (
    "method",
    "destination_ref",
    "source_method",
    "fee_type",
    "return_code",
    "reason_code",
    "reason_description",
    "program_id",
    "day_count_convention",
)
"""What an event says of itself beside its amounts, told with its entry."""

_DETAILS_OF: Final[dict[type, tuple[str, ...]]] = {}
"""Kind of command -> which of them it has."""


def derived(kind: str, command: Command, place: Place, *, in_parts: bool = False) -> UUID:
    """An id that the command brings about; in parts: of the request that it is a step of."""
    key = command.idempotency_key
    return ids.derive(
        kind,
        tenant_id=command.tenant_id,
        key=ids.root_key(key) if in_parts else key,
        accepted_at=command.accepted_at,
        partition_id=ids.IN_PARTS if in_parts else place.partition_id,
    )


def command_id_of(command: Command, place: Place) -> UUID:
    """The command's own id. The first of several steps is the request itself."""
    return derived(ids.COMMAND, command, place, in_parts=isinstance(command, FIRST_STEPS))


def correlation_of(command: Command, place: Place) -> UUID:
    """The command id of the originating request: what all parts and steps share."""
    return derived(ids.COMMAND, command, place, in_parts=is_step(command))


def is_step(command: Command) -> bool:
    """Whether a request of several commands is answered from this one's outcome, too."""
    return part_of(command) is not None or isinstance(command, (*FIRST_STEPS, *FOLLOWING_STEPS))


def part_of(command: Command) -> int | None:
    """The part that the command writes of an entry in parts; None of a whole entry."""
    if isinstance(command, AccrualChunk):
        return int(command.idempotency_key.rsplit("/", 1)[1])
    if isinstance(command, Reversal):
        return command.part
    return PART_OF_STEP.get(type(command))


def steps_total(command: Command, partition_count: int) -> int | None:
    """How many commands a request became that this is one of, if none of them refuses."""
    match command:
        case Refinance() | RefinancePayoff() | RefinanceOpening() | RefinanceRelease():
            return 3
        case RefinanceReversal() | PayoffReversal():
            return 2
        case PeriodClose() | PeriodClosed():
            return 1 + partition_count
        case AccrualChunk() | Reversal():
            return command.chunks_total
    return None


def entry_of(
    command: Command,
    place: Place,
    page: Page,
    *,
    event_type: str,
    effective_on: date,
    lines: Sequence[Line],
    reverses: tuple[UUID, int] | None = None,
) -> Entry:
    """The entry of an event with these lines; raises when unbalanced."""
    part = part_of(command)
    in_parts = part is not None
    return Entry(
        tenant_id=command.tenant_id,
        journal_entry_id=derived(ids.JOURNAL_ENTRY, command, place, in_parts=in_parts),
        part=part or 0,
        event_type=event_type,
        event_id=derived(rules.EVENT_KINDS[event_type], command, place, in_parts=in_parts),
        effective_on=effective_on,
        booked_on=page.booked_on(command.tenant_id, effective_on),
        posted_at=place.posted_at,
        correlation_id=correlation_of(command, place),
        actor=command.actor,
        lines=tuple(lines),
        reverses_entry_id=None if reverses is None else reverses[0],
        reverses_part=None if reverses is None else reverses[1],
        description=getattr(command, "description", None),
        metadata=getattr(command, "metadata", {}),
        details=_details_of(command),
    )


def _details_of(command: Command) -> dict[str, str]:
    kind = type(command)
    names = _DETAILS_OF.get(kind)
    if names is None:
        names = tuple(name for name in DETAILS if name in kind.__dataclass_fields__)
        _DETAILS_OF[kind] = names
    given = ((name, getattr(command, name)) for name in names)
    return {name: str(value) for name, value in given if value is not None}


def post(
    entry: Entry,
    loan: Loan,
    *,
    changes: Mapping[str, Any] | None = None,
    more: Mapping[str, object] | None = None,
    **effects: Any,
) -> Posting | Refusal:
    """Post an entry of one loan, unless a balance of it would be out of range.

    `changes` are members of the loan beside its sub-balances, which follow from the lines;
    `more` joins the result; `effects` are members of the `Posting`.
    """
    after = loan.with_lines(entry.lines, entry.posted_at, **(changes or {}))
    if after.is_out_of_range():
        return OUT_OF_RANGE
    result = result_of(entry, after) | dict(more or {})
    return Posting(result=result, entry=entry, loans=(after,), **effects)


def post_by_rule(
    command: LoanEvent | DisbursementSettlement,
    place: Place,
    page: Page,
    loan: Loan,
    event_type: str,
    amounts: Mapping[str, int],
    *,
    rule: str | None = None,
    external_ref: str | None = None,
    **how: Any,
) -> Posting | Refusal:
    """Post an event of one loan by its rule (`rules.RULES`); `amounts` are the legs' (minor units).

    `rule` where it is not named as the event; `how` is as in `post`.
    """
    subject = subject_of(loan, external_ref or command.external_ref)
    entry = entry_of(
        command,
        place,
        page,
        event_type=event_type,
        effective_on=command.effective_on,
        lines=rules.lines_of(rule or event_type, amounts, subject),
    )
    return post(entry, loan, **how)


def subject_of(loan: Loan, external_ref: str | None = None) -> Subject:
    """What lines about a loan concern."""
    return Subject(loan.currency, loan.loan_id, loan.borrower_id, external_ref)


def result_of(entry: Entry, loan: Loan | None) -> dict[str, object]:
    """The response body that all events share (contract section 3). A reversal names no event."""
    kind = rules.EVENT_KINDS[entry.event_type]
    result: dict[str, object] = {}
    if entry.event_type != rules.REVERSAL:
        result[f"{kind}_id"] = str(entry.event_id)
    result["journal_entry_id"] = str(entry.journal_entry_id)
    result["posted_at"] = format_instant(entry.posted_at)
    result["correlation_id"] = str(entry.correlation_id)
    if loan is not None:
        result["balance"] = loan.balance(entry.posted_at.date())
    return result
