"""One partition's books in memory, posting through the real `decide` and `Page`; and a ledger
of several.

`Books` keeps the whole journal, and answers from it what the engine's shell looks up in Postgres:
the accruals that stand, and the shares of an accrual that is to be reversed. What a decision
queues waits in `queue` until the test runs it, so that other events can come in between.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from posting_engine.posting import rules
from posting_engine.posting.accrual import shares_of
from posting_engine.posting.decide import decide
from posting_engine.posting.loan import Loan
from posting_engine.posting.page import AccruedLine, Decision, Page, Place, PostedEntry, Posting
from posting_engine.posting.refusals import PRECEDENCE, Refusal
from schemas import commands
from schemas.chart_of_accounts import INTEREST_RECEIVABLE
from schemas.commands import AccrualChunk, AnyCommand, Reversal
from schemas.partitioning import partition_of_loan
from schemas.placement import place_of
from tests.journal import LOAN, PARTITION, PARTITIONS, POSTED_AT, TENANT, Balances, Collected

EVENT_OF: dict[type, str] = {
    commands.Disbursement: rules.DISBURSEMENT,
    commands.DisbursementSettlement: rules.DISBURSEMENT_SETTLED,
    commands.AccrualChunk: rules.ACCRUAL,
    commands.Payment: rules.PAYMENT_RECEIVED,
    commands.PaymentAllocation: rules.PAYMENT_ALLOCATED,
    commands.PaymentReturn: rules.PAYMENT_RETURNED,
    commands.FeeAssessment: rules.FEE_ASSESSED,
    commands.FeeWaiver: rules.FEE_WAIVED,
    commands.ChargeOff: rules.CHARGE_OFF,
    commands.Recovery: rules.RECOVERY,
    commands.Restructure: rules.RESTRUCTURE,
    commands.Refinance: rules.REFINANCE,
    commands.RefinancePayoff: rules.REFINANCE,
    commands.RefinanceReversal: rules.REVERSAL,
    commands.Reversal: rules.REVERSAL,
    commands.ManualAdjustment: rules.MANUAL_ADJUSTMENT,
    commands.PeriodClose: "period_close",
}
"""Which event's refusals a command may have. The steps that are not here cannot be refused."""

NAMES_OF_ENTRIES = ("reverses_entry_id", "payment_event_id", "disbursement_event_id")

refused_here: set[tuple[str, str]] = set()
"""Every (event, refusal) that any books have met in this process."""


class Books:
    """One partition's books: posts through `decide` and `Page`, and keeps the whole journal.

    `placed` records every command with its place, so that the same log can be decided again;
    `clock` is the append time of the next one. `narrow` books decide each command with a page
    that holds nothing but what it names.
    """

    def __init__(
        self,
        *loans: Loan,
        closed_through: str | None = None,
        partition_id: int = PARTITION,
        narrow: bool = False,
    ) -> None:
        self.narrow = narrow
        self.page = Page(partition_id, 1, PARTITIONS)
        self.journal: list[PostedEntry] = []
        self.placed: list[tuple[AnyCommand, Place]] = []
        self.queue: list[AnyCommand] = []
        self.clock = POSTED_AT
        self._undone: dict[tuple[UUID, int, UUID], UUID] = {}
        for one in loans:
            self.page.loans[one.tenant_id, one.loan_id] = one
        if closed_through is not None:
            self.page.closed_through[TENANT] = date.fromisoformat(closed_through)

    def on(self, day: str) -> "Books":
        """The same books on a later day, by the broker's clock."""
        self.clock = datetime.combine(date.fromisoformat(day), time(9), POSTED_AT.tzinfo)
        return self

    def loan(self, loan_id: UUID = LOAN, tenant_id: UUID = TENANT) -> Loan:
        """The loan as it stands."""
        return self.page.loans[tenant_id, loan_id]

    def balances(self, loan_id: UUID = LOAN) -> Balances:
        """P, I, F, S, U of a loan as they stand."""
        one = self.loan(loan_id)
        return Balances(*(getattr(one, f"{n}_minor") for n in Balances.__dataclass_fields__))

    def collected(self, loan_id: UUID = LOAN) -> Collected:
        """cP, cI, cF of a loan as they stand."""
        return Collected(*(self.loan(loan_id).collected_minor(n) for n in vars(Collected())))

    def left(self, loan_id: UUID = LOAN, **changes: Any) -> None:
        """How whatever else happened left the loan."""
        self.page.loans[TENANT, loan_id] = replace(self.loan(loan_id), **changes)

    def post(self, command: AnyCommand) -> Posting:
        """Decide an event that must post, and take it into the books."""
        return posted(self.take(command))

    def refuse(self, command: AnyCommand) -> Refusal:
        """Decide an event that must be refused."""
        return refused(self.take(command))

    def run(self) -> list[Decision]:
        """Decide what waits in the queue, and what that queues, until nothing does."""
        decisions = []
        while self.queue:
            decisions.append(self.take(self.queue.pop(0)))
        return decisions

    def take(self, command: AnyCommand) -> Decision:
        """Decide the next command of the log; a key is given to what has none."""
        offset = len(self.placed)
        place = Place(self.page.partition_id, offset, self.clock)
        self.clock += timedelta(seconds=1)
        return self.take_at(keyed(command, offset, self.page.partition_id), place)

    def take_at(self, command: AnyCommand, place: Place) -> Decision:
        """Decide a command in its place, as it was taken before."""
        self.placed.append((command, place))
        self._look_up(command)
        decision = decide(command, place, self._narrowed(command) if self.narrow else self.page)
        if isinstance(decision, Posting):
            self._apply(decision, command.tenant_id)
        _note_refusals(command, decision)
        self.queue += decision.follow_ups
        return decision

    def _apply(self, posting: Posting, tenant_id: UUID) -> None:
        if posting.entry is not None:
            self.journal.append(PostedEntry(self.page.next_entry_seq, posting.entry))
        self.page.apply(posting, tenant_id)
        for target in posting.targets:
            key = (target.reverses_entry_id, target.part, target.loan_id)
            self._undone[key] = target.reversed_by_entry_id

    def _narrowed(self, command: AnyCommand) -> Page:
        """A page with what the command names, the entry or event it names, and their loans."""
        whole, tenant_id = self.page, command.tenant_id
        named = {getattr(command, name, None) for name in NAMES_OF_ENTRIES}
        page = Page(whole.partition_id, whole.next_entry_seq, whole.partition_count)
        page.accrued, page.standing_accruals = whole.accrued, whole.standing_accruals
        page.closed_through = whole.closed_through
        page.entries = {key: x for key, x in whole.entries.items() if key[1] in named}
        page.events = {key: x for key, x in whole.events.items() if key[1] in named}
        page.reversed_by = whole.reversed_by
        page.disbursement_of = {k: x for k, x in whole.disbursement_of.items() if k in named}
        named |= set(page.disbursement_of.values())
        named |= {x.entry.event_id for x in page.entries.values()}
        page.disbursed = {key: x for key, x in whole.disbursed.items() if key[1] in named}
        posted = [*page.entries.values(), *page.events.values()]
        loans = {getattr(command, name, None) for name in ("loan_id", "new_loan_id")}
        loans |= {line.loan_id for x in posted for line in x.entry.lines}
        loans |= {x.loan_id for x in page.disbursed.values()}
        loans |= {x.loan_id for shares in page.accrued.values() for x in shares}
        if isinstance(command, AccrualChunk):
            loans |= {share.loan_id for share in shares_of(command)}
        page.loans = {k: x for k, x in whole.loans.items() if k[0] == tenant_id and k[1] in loans}
        return page

    def _look_up(self, command: AnyCommand) -> None:
        """What the shell looks up in the journal for a backfill, or an accrual's reversal."""
        is_backfill = isinstance(command, AccrualChunk) and command.backfill
        if not is_backfill and not isinstance(command, Reversal):
            return
        shares = list(self._shares(command.tenant_id))
        self.page.standing_accruals = {
            (command.tenant_id, x.loan_id, x.accrued_on): x.entry_seq
            for x in shares
            if x.reversed_by is None
        }
        if not isinstance(command, Reversal):
            return
        entry_id, part, loan_id = command.reverses_entry_id, command.part, command.loan_id
        of_entry = [x for x in shares if self._entry_id(x) == entry_id]
        found = [x for x in of_entry if part in (None, x.part) and loan_id in (None, x.loan_id)]
        found = list(self._with_earlier(command.tenant_id, found, shares))
        self.page.accrued = {(entry_id, part, loan_id): tuple(found)}

    def _shares(self, tenant_id: UUID) -> Iterable[AccruedLine]:
        for posted in self.journal:
            entry = posted.entry
            if entry.event_type != rules.ACCRUAL or entry.tenant_id != tenant_id:
                continue
            for x in entry.lines:
                if x.account_code == INTEREST_RECEIVABLE.code and x.loan_id is not None:
                    undone = self._undone.get((entry.journal_entry_id, entry.part, x.loan_id))
                    yield AccruedLine(
                        loan_id=x.loan_id,
                        part=entry.part,
                        entry_seq=posted.entry_seq,
                        accrual_event_id=entry.event_id,
                        amount_minor=x.amount_minor,
                        currency=x.currency,
                        accrued_on=entry.effective_on,
                        previous_accrued_on=None,
                        reversed_by=undone,
                    )

    def _entry_id(self, share: AccruedLine) -> UUID:
        return self.journal[share.entry_seq - 1].entry.journal_entry_id

    def _with_earlier(
        self, tenant_id: UUID, found: list[AccruedLine], shares: list[AccruedLine]
    ) -> Iterable[AccruedLine]:
        """Each share with the latest accrual before it that stands in the loan's present life."""
        for x in found:
            began = self.loan(x.loan_id, tenant_id).life_began_seq
            standing = [y for y in shares if y.loan_id == x.loan_id and not y.reversed_by]
            days = [y.accrued_on for y in standing if y.entry_seq >= began]
            earlier = [day for day in days if day < x.accrued_on]
            yield replace(x, previous_accrued_on=max(earlier, default=None))


class Ledger:
    """Several partitions' books. A command goes where `place_of` says; `queue` waits for `run`."""

    def __init__(self) -> None:
        self.partitions = tuple(Books(partition_id=n) for n in range(PARTITIONS))
        self.queue: list[AnyCommand] = []
        self.taken = 0

    def books_of(self, loan_id: UUID, tenant_id: UUID = TENANT) -> Books:
        """The books that a loan is kept in."""
        return self.partitions[partition_of_loan(tenant_id, loan_id, PARTITIONS)]

    def loan(self, loan_id: UUID = LOAN, tenant_id: UUID = TENANT) -> Loan:
        """A loan as it stands."""
        return self.books_of(loan_id, tenant_id).loan(loan_id, tenant_id)

    def balances(self, loan_id: UUID = LOAN) -> Balances:
        """P, I, F, S, U of a loan as they stand."""
        return self.books_of(loan_id).balances(loan_id)

    def on(self, day: str) -> "Ledger":
        """The same ledger on a later day, by the broker's clock."""
        for books in self.partitions:
            books.on(day)
        return self

    def post(self, command: AnyCommand) -> Posting:
        """Decide an event that must post."""
        return posted(self.take(command))

    def refuse(self, command: AnyCommand) -> Refusal:
        """Decide an event that must be refused."""
        return refused(self.take(command))

    def run(self) -> list[Decision]:
        """Decide what waits in the queue, and what that queues, until nothing does."""
        decisions = []
        while self.queue:
            decisions.append(self.step())
        return decisions

    def step(self, which: int = 0) -> Decision:
        """Decide one of the waiting commands, the first unless said otherwise."""
        return self.take(self.queue.pop(which))

    def take(self, command: AnyCommand) -> Decision:
        """Decide a command on the partition that owns it."""
        command, books = self.addressed(command)
        self.taken += 1
        decision = books.take(command)
        self.queue += books.queue
        books.queue = []
        return decision

    def addressed(self, command: AnyCommand) -> tuple[AnyCommand, Books]:
        """The command with a key, and the books that it will be decided in."""
        command = keyed(command, self.taken, self._partition_named(command))
        partition_id, _ = place_of(command, PARTITIONS)
        return command, self.partitions[partition_id]

    def _partition_named(self, command: AnyCommand) -> int:
        """The partition of a chunk's first loan, or of the part that is to be reversed."""
        if isinstance(command, AccrualChunk):
            first = UUID(bytes=command.loan_ids[:16])
            return self.books_of(first, command.tenant_id).page.partition_id
        if isinstance(command, Reversal) and command.part is not None:
            key = (command.tenant_id, command.reverses_entry_id, command.part)
            holding = (x.page.partition_id for x in self.partitions if key in x.page.entries)
            return next(holding, 0)
        return 0


def posted(decision: Decision) -> Posting:
    """What must have posted."""
    if isinstance(decision, Refusal):
        raise AssertionError(f"refused: {decision.code}: {decision.detail}")
    return decision


def refused(decision: Decision) -> Refusal:
    """What must have been refused."""
    if isinstance(decision, Posting):
        raise AssertionError(f"posted: {decision.result}")
    return decision


def rejections(decision: Decision) -> dict[UUID, str]:
    """Loan -> code, of a chunk or of the reversal of one."""
    members = decision.members if isinstance(decision, Refusal) else decision.result
    listed = members.get("rejections", [])
    if not isinstance(listed, list):
        raise AssertionError(f"no list: {listed!r}")
    return {UUID(item["loan_id"]): item["code"] for item in listed}


def _note_refusals(command: AnyCommand, decision: Decision) -> None:
    codes = set(rejections(decision).values())
    if isinstance(decision, Refusal) and decision.code != "accrual_rejected":
        codes.add(decision.code)
    event = EVENT_OF.get(type(command), "")
    if not codes <= set(PRECEDENCE.get(event, ())):
        raise AssertionError(f"{type(command).__name__} may not be refused: {codes}")
    refused_here.update((event, code) for code in codes)


def keyed(command: AnyCommand, number: int, partition_id: int) -> AnyCommand:
    """The command with a key of its own, if it has none."""
    if command.idempotency_key:
        return command
    key = f"event-{number}"
    if isinstance(command, AccrualChunk):
        key = f"{key}/{partition_id}/0"
    elif isinstance(command, Reversal) and command.part is not None:
        key = f"{key}/{partition_id}/{command.part}"
    return replace(command, idempotency_key=key)
