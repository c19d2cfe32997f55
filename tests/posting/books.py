"""One partition's books in memory, posting through the real `decide` and `Page`.

It keeps the whole journal, and answers from it what the engine's shell looks up in Postgres: the
accruals that stand, and the shares of an accrual that is to be reversed.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from posting_engine.posting import rules
from posting_engine.posting.decide import decide
from posting_engine.posting.loan import Loan
from posting_engine.posting.page import AccruedLine, Decision, Page, Place, PostedEntry, Posting
from posting_engine.posting.refusals import Refusal
from schemas.chart_of_accounts import INTEREST_RECEIVABLE
from schemas.commands import AccrualChunk, AnyCommand, Reversal
from tests.journal import LOAN, PARTITION, PARTITIONS, POSTED_AT, TENANT, Balances, Collected


class Books:
    """One partition's books: posts through `decide` and `Page`, and keeps the whole journal.

    `placed` records every command with its place, so that the same log can be decided again.
    """

    def __init__(self, *loans: Loan, closed_through: str | None = None) -> None:
        self.page = Page(PARTITION, 1, PARTITIONS)
        self.journal: list[PostedEntry] = []
        self.placed: list[tuple[AnyCommand, Place]] = []
        self._undone: dict[tuple[UUID, int, UUID], UUID] = {}
        for one in loans:
            self.page.loans[one.tenant_id, one.loan_id] = one
        if closed_through is not None:
            self.page.closed_through[TENANT] = date.fromisoformat(closed_through)

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
        """How events that this ledger does not take yet (a refund, a charge-off) left the loan."""
        self.page.loans[TENANT, loan_id] = replace(self.loan(loan_id), **changes)

    def turn_page(self) -> None:
        """Go on with another page of the same books, as the next batch would load it."""
        was = self.page
        self.page = Page(
            was.partition_id,
            was.next_entry_seq,
            was.partition_count,
            loans=dict(was.loans),
            entries=dict(was.entries),
            events=dict(was.events),
            reversed_by=dict(was.reversed_by),
            disbursed=dict(was.disbursed),
            disbursement_of=dict(was.disbursement_of),
            closed_through=dict(was.closed_through),
        )

    def post(self, command: AnyCommand) -> Posting:
        """Decide an event that must post, and take it into the books."""
        decision = self.take(command)
        if isinstance(decision, Refusal):
            raise AssertionError(f"refused: {decision.code}: {decision.detail}")
        return decision

    def refuse(self, command: AnyCommand) -> Refusal:
        """Decide an event that must be refused."""
        decision = self.take(command)
        if isinstance(decision, Posting):
            raise AssertionError(f"posted: {decision.result}")
        return decision

    def take(self, command: AnyCommand) -> Decision:
        """Decide the next command of the log; a key is given to what has none."""
        offset = len(self.placed)
        place = Place(PARTITION, offset, POSTED_AT + timedelta(seconds=offset))
        return self.take_at(command if command.idempotency_key else _keyed(command, offset), place)

    def take_at(self, command: AnyCommand, place: Place) -> Decision:
        """Decide a command in its place, as it was taken before."""
        self.placed.append((command, place))
        self._look_up(command)
        decision = decide(command, place, self.page)
        if isinstance(decision, Posting):
            self._apply(decision, command.tenant_id)
        return decision

    def _apply(self, posting: Posting, tenant_id: UUID) -> None:
        if posting.entry is not None:
            self.journal.append(PostedEntry(self.page.next_entry_seq, posting.entry))
        self.page.apply(posting, tenant_id)
        for target in posting.targets:
            key = (target.reverses_entry_id, target.part, target.loan_id)
            self._undone[key] = target.reversed_by_entry_id

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
        self.page.accrued = {(entry_id, part, loan_id): tuple(self._with_earlier(found, shares))}

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
        self, found: list[AccruedLine], shares: list[AccruedLine]
    ) -> Iterable[AccruedLine]:
        for x in found:
            standing = [
                y.accrued_on for y in shares if y.loan_id == x.loan_id and not y.reversed_by
            ]
            earlier = [day for day in standing if day < x.accrued_on]
            yield replace(x, previous_accrued_on=max(earlier, default=None))


def _keyed(command: AnyCommand, offset: int) -> AnyCommand:
    key = f"event-{offset}"
    if isinstance(command, AccrualChunk):
        key = f"{key}/{PARTITION}/0"
    elif isinstance(command, Reversal) and command.part is not None:
        key = f"{key}/{PARTITION}/{command.part}"
    return replace(command, idempotency_key=key)
