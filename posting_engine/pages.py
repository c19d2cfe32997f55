"""What a batch needs of the books, as parameters of look-ups, and the pages filled from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from posting_engine import rows
from posting_engine.positions import Position
from posting_engine.posting.accrual import shares_of
from posting_engine.posting.loan import Loan
from posting_engine.posting.page import AccruedLine, DisbursedAmount, Page
from posting_engine.quarantine_rows import Waiting
from posting_engine.rows import Columns
from posting_engine.verdict import Item, KeyOfCommand
from schemas.codec import Outcome
from schemas.commands import (
    PART_OF_STEP,
    AccrualChunk,
    AnyCommand,
    DisbursementSettlement,
    PaymentReturn,
    PayoffReversal,
    PeriodClose,
    PeriodClosed,
    Refinance,
    RefinanceOpening,
    RefinanceRelease,
    RefinanceReversal,
    Reversal,
)
from schemas.cut_over import CutOver
from schemas.partitioning import NO_LOAN
from schemas.quarantine import QuarantineReject, QuarantineResume


@dataclass(frozen=True, slots=True)
class Lookup:
    """A look-up of the journal for one command: a backfill, or the reversal of an accrual."""

    partition_id: int
    command: AccrualChunk | Reversal
    statement: str
    parameters: dict[str, Any]


Statement = tuple[str, Mapping[str, Any]]
"""The name of a statement and its parameters."""

WantedEntry = tuple[int, UUID, UUID, UUID, int, UUID | None]
"""partition, tenant, first and last entry id, part, event id or None."""
_LOW_64 = (1 << 64) - 1


@dataclass(slots=True)
class Needs:
    """Sets of (partition, tenant, what) that a batch names, each once."""

    wanted_keys: dict[KeyOfCommand, None] = field(default_factory=dict)
    wanted_loans: dict[tuple[int, UUID, UUID], None] = field(default_factory=dict)
    wanted_entries: dict[WantedEntry, None] = field(default_factory=dict)
    wanted_disbursements: dict[tuple[int, UUID, UUID], None] = field(default_factory=dict)
    lookups: list[Lookup] = field(default_factory=list)

    @property
    def keys(self) -> Columns:
        """Parameters of `load_outcomes`."""
        return _triples(self.wanted_keys, "idempotency_keys")

    @property
    def loans(self) -> Columns:
        """Parameters of `load_loans`."""
        return _triples(self.wanted_loans, "loan_ids")

    @property
    def standing_still(self) -> Columns:
        """Parameters of `load_quarantined_loans`: the loans, and each tenant's zero loan."""
        zeros = dict.fromkeys((key[0], key[1], NO_LOAN) for key in self.wanted_keys)
        return _triples({**self.wanted_loans, **zeros}, "loan_ids")

    @property
    def entries(self) -> Columns:
        """Parameters of `load_entries`."""
        wanted = list(self.wanted_entries)
        names = ("partition_ids", "tenant_ids", "first_ids", "last_ids", "parts", "event_ids")
        return {name: [entry[i] for entry in wanted] for i, name in enumerate(names)}

    @property
    def disbursements(self) -> Columns:
        """Parameters of `load_disbursements`."""
        return _triples(self.wanted_disbursements, "event_ids")

    def want_entry(self, partition_id: int, tenant_id: UUID, entry_id: UUID, part: int) -> None:
        """An entry by its id."""
        self.wanted_entries[partition_id, tenant_id, entry_id, entry_id, part, None] = None

    def want_event(self, partition_id: int, tenant_id: UUID, event_id: UUID) -> None:
        """The entry of an event. Both ids derive from one command, so they share their upper half:
        instant and partition.
        """
        first, last = UUID(int=event_id.int & ~_LOW_64), UUID(int=event_id.int | _LOW_64)
        self.wanted_entries[partition_id, tenant_id, first, last, 0, event_id] = None

    @property
    def tenants(self) -> Columns:
        """Parameters of `load_closed_periods`."""
        pairs = sorted({(key[0], key[1]) for key in self.wanted_keys})
        return {
            "partition_ids": [partition_id for partition_id, _ in pairs],
            "tenant_ids": [tenant_id for _, tenant_id in pairs],
        }

    @property
    def names_loans_only(self) -> bool:
        """Whether all that the batch needs can be asked for in one round trip."""
        return not (self.wanted_entries or self.wanted_disbursements or self.lookups)

    def add_loans_of(
        self, named: Sequence[dict[str, Any]], found: Sequence[Sequence[dict[str, Any]]]
    ) -> None:
        """The loans of what commands name (entries, disbursements, accruals), as rows say."""
        for row in named:
            if row["loan_id"] is not None:
                self.wanted_loans[row["partition_id"], row["tenant_id"], row["loan_id"]] = None
        for lookup, lookup_rows in zip(self.lookups, found, strict=True):
            for row in lookup_rows:
                if row["loan_id"] is not None:
                    key = (lookup.partition_id, lookup.command.tenant_id, row["loan_id"])
                    self.wanted_loans[key] = None


@dataclass(slots=True)
class Pages:
    """A page for each partition of the batch, and what a write must still find as it was read.

    `waiting`: the quarantined commands that the batch's resolution is about.
    """

    by_partition: dict[int, Page]
    earlier: dict[KeyOfCommand, Outcome]
    read_versions: dict[tuple[int, UUID, UUID], int]
    waiting: Sequence[Waiting] = ()


def needs_of(items: Sequence[Item], waiting: Sequence[Waiting] = ()) -> Needs:
    """What these items name, and what waits for the one of them that is a resolution."""
    needs = Needs()
    for one in waiting:
        partition_id = one.record.partition_id
        needs.wanted_loans[partition_id, one.tenant_id, one.loan_id] = None
        if one.command is not None:
            _add(needs, partition_id, one.command)
    for item in items:
        command = item.content
        if isinstance(command, str | CutOver):
            continue
        partition_id = item.record.partition_id
        needs.wanted_keys[partition_id, command.tenant_id, command.idempotency_key] = None
        if not isinstance(command, QuarantineResume | QuarantineReject):
            _add(needs, partition_id, command)
    return needs


def _add(needs: Needs, partition_id: int, command: AnyCommand) -> None:
    tenant_id = command.tenant_id
    for loan_id in _loans_named(command):
        needs.wanted_loans[partition_id, tenant_id, loan_id] = None
    match command:
        case AccrualChunk() if command.backfill:
            needs.lookups.append(standing_of(partition_id, command))
        case Reversal(part=None, loan_id=None):
            needs.want_entry(partition_id, tenant_id, command.reverses_entry_id, 0)
        case Reversal():
            needs.lookups.append(_accrued(partition_id, command))
        case RefinanceReversal() | PayoffReversal():
            part = PART_OF_STEP[type(command)]
            needs.want_entry(partition_id, tenant_id, command.reverses_entry_id, part)
        case PaymentReturn():
            needs.want_event(partition_id, tenant_id, command.payment_event_id)
        case DisbursementSettlement():
            needs.wanted_disbursements[partition_id, tenant_id, command.disbursement_event_id] = (
                None
            )


def _loans_named(command: AnyCommand) -> list[UUID]:
    """The loans of this partition that a command names itself."""
    match command:
        case AccrualChunk():
            return [share.loan_id for share in shares_of(command)]
        case Refinance() | RefinanceOpening() | RefinanceRelease() | RefinanceReversal():
            return [command.new_loan_id]
        case DisbursementSettlement() | PaymentReturn() | PeriodClose() | PeriodClosed():
            return []  # its event says which
        case _:
            return [] if command.loan_id is None else [command.loan_id]


def standing_of(partition_id: int, chunk: AccrualChunk) -> Lookup:
    """What a backfill asks of the journal."""
    parameters = {
        "partition_id": partition_id,
        "tenant_id": chunk.tenant_id,
        "accrued_on": chunk.accrued_on,
        "loan_ids": [share.loan_id for share in shares_of(chunk)],
    }
    return Lookup(partition_id, chunk, "load_standing_accruals", parameters)


def _accrued(partition_id: int, command: Reversal) -> Lookup:
    parameters = {
        "partition_id": partition_id,
        "tenant_id": command.tenant_id,
        "journal_entry_id": command.reverses_entry_id,
        "part": command.part,
        "loan_id": command.loan_id,
    }
    statement = "load_accrued_share" if command.part is None else "load_accrued_part"
    return Lookup(partition_id, command, statement, parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The rows of `load_*`, `lookups` being those of the look-ups in their order."""

    outcomes: Sequence[dict[str, Any]]
    loans: Sequence[dict[str, Any]]
    closes: Sequence[dict[str, Any]]
    entries: Sequence[dict[str, Any]] = ()
    disbursements: Sequence[dict[str, Any]] = ()
    lookups: Sequence[Sequence[dict[str, Any]]] = ()
    quarantined_keys: Sequence[dict[str, Any]] = ()
    quarantined_loans: Sequence[dict[str, Any]] = ()


def loans_and_closes(needs: Needs, anything_waits: bool) -> list[Statement]:
    """What to look up of the loans that a batch names, and of the months that are closed."""
    wanted: list[Statement] = [
        ("load_loans", needs.loans),
        ("load_closed_periods", needs.tenants),
    ]
    return wanted + [("load_quarantined_loans", needs.standing_still)] * anything_waits


def found_from(answers: Sequence[list[dict[str, Any]]], anything_waits: bool) -> Found:
    """The answers to keys, then to loans and closes."""
    if not anything_waits:
        outcomes, loans, closes = answers
        return Found(outcomes=outcomes, loans=loans, closes=closes)
    outcomes, quarantined_keys, loans, closes, quarantined_loans = answers
    return Found(
        outcomes=outcomes,
        loans=loans,
        closes=closes,
        quarantined_keys=quarantined_keys,
        quarantined_loans=quarantined_loans,
    )


def fill_pages(
    needs: Needs,
    held: Mapping[int, Position],
    found: Found,
    partition_count: int,
    waiting: Sequence[Waiting] = (),
) -> Pages:
    """Pages from what was found."""
    pages = {
        p: Page(p, position.last_entry_seq + 1, partition_count) for p, position in held.items()
    }
    for row in found.quarantined_loans:
        pages[row["partition_id"]].quarantined.add((row["tenant_id"], row["loan_id"]))
    read_versions = {}
    for row in found.loans:
        partition_id = row.pop("partition_id")
        # The queue is the truth: a damaged row may not have taken the mark.
        stands_still = (row["tenant_id"], row["loan_id"]) in pages[partition_id].quarantined
        loan = Loan(**row | {"quarantined": stands_still})
        pages[partition_id].loans[loan.tenant_id, loan.loan_id] = loan
        read_versions[partition_id, loan.tenant_id, loan.loan_id] = loan.version
    for row in found.closes:
        pages[row["partition_id"]].closed_through[row["tenant_id"]] = row["closed_through"]
    _fill_entries(pages, found.entries)
    for row in found.disbursements:
        page, reversed_by = pages[row.pop("partition_id")], row.pop("reversed_by_entry_id")
        disbursed = _fill_disbursement(page, row.pop("tenant_id"), row)
        if reversed_by is not None:
            page.reversed_by[disbursed.journal_entry_id, disbursed.part] = reversed_by
    for lookup, rows_of_lookup in zip(needs.lookups, found.lookups, strict=True):
        _fill_lookup(pages[lookup.partition_id], lookup.command, rows_of_lookup)
    outcomes = {
        (row["partition_id"], row["tenant_id"], row["idempotency_key"]): Outcome(**row)
        for row in (*found.quarantined_keys, *found.outcomes)
    }
    return Pages(pages, outcomes, read_versions, waiting)


def _fill_entries(pages: Mapping[int, Page], entries: Sequence[dict[str, Any]]) -> None:
    for partition_id, posted, first in rows.entries_from(entries):
        page, entry = pages[partition_id], posted.entry
        page.entries[entry.tenant_id, entry.journal_entry_id, entry.part] = posted
        page.events[entry.tenant_id, entry.event_id] = posted
        if first["reversed_by_entry_id"] is not None:
            page.reversed_by[entry.journal_entry_id, entry.part] = first["reversed_by_entry_id"]
        if first["disbursed_event_id"] is not None:
            named = {n: first[f"disbursed_{n}"] for n in DisbursedAmount.__dataclass_fields__}
            _fill_disbursement(page, entry.tenant_id, named)
            page.disbursement_of[entry.journal_entry_id] = named["event_id"]


def _fill_disbursement(page: Page, tenant_id: UUID, named: dict[str, Any]) -> DisbursedAmount:
    disbursed = DisbursedAmount(**named)
    page.disbursed[tenant_id, disbursed.event_id] = disbursed
    return disbursed


def _fill_lookup(
    page: Page, command: AccrualChunk | Reversal, found: Sequence[dict[str, Any]]
) -> None:
    if isinstance(command, AccrualChunk):
        for row in found:
            key = (command.tenant_id, row["loan_id"], command.accrued_on)
            page.standing_accruals[key] = row["entry_seq"]
        return
    lines = tuple(AccruedLine(**row) for row in found)
    page.accrued[command.reverses_entry_id, command.part, command.loan_id] = lines


def _triples(wanted: Mapping[tuple[int, UUID, Any], None], name: str) -> Columns:
    return {
        "partition_ids": [key[0] for key in wanted],
        "tenant_ids": [key[1] for key in wanted],
        name: [key[2] for key in wanted],
    }
