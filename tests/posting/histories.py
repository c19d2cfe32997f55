"""Histories: any commands in any order, with the model beside the books (`test_properties`).

Four loan ids on three partitions, two tenants, four months. What a decision queues waits, and is
run by rules of its own, so every other event comes between the steps of a refinance or a close.
"""

from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from posting_engine.posting.accrual import shares_of
from posting_engine.posting.page import Decision
from schemas import commands as c
from schemas.chart_of_accounts import CASH, SUSPENSE
from tests import journal as j
from tests.journal import CR, DR, FOURTH_LOAN, LARGEST, LOAN, SECOND_LOAN, TENANT, THIRD_LOAN
from tests.posting.drawn_lines import (
    Group,
    amounts,
    astray,
    groups,
    lines_of,
    other_currency,
    put_astray,
)
from tests.posting.side_by_side import SideBySide

LOANS = (LOAN, SECOND_LOAN, THIRD_LOAN, FOURTH_LOAN)
DAYS = ("2026-01-01", "2026-01-02", "2026-01-05", "2026-01-31", "2026-02-01", "2026-03-15")
MONTHS = ("2025-11", "2025-12", "2026-01", "2026-02")
openings = st.sampled_from([40, 40, 40, 20, 60, 100_00, LARGEST])
small = st.integers(0, 9)
days = st.sampled_from(DAYS)
loans = st.sampled_from([LOAN, LOAN, LOAN, THIRD_LOAN, THIRD_LOAN, SECOND_LOAN, FOURTH_LOAN])
new_loans = st.sampled_from([SECOND_LOAN, SECOND_LOAN, FOURTH_LOAN, FOURTH_LOAN, *LOANS])
which = st.integers(0, 30)
euro_loans = st.sampled_from([(), (), (LOAN,), (THIRD_LOAN,), (LOAN, THIRD_LOAN, FOURTH_LOAN)])
slips = st.sampled_from([""] * 14 + ["borrower", "currency", "tenant", "loan"])
"""What a client gets wrong, once in a while."""
HARD_TO_REACH = {"refinance", "recovery", "chargeoff", "payment_allocated", "restructure"}


EARLIER: dict[str, c.AnyCommand] = {
    "accrued": j.accrual({LOAN: 9}, DAYS[3]),
    "charged a fee": j.fee(8, DAYS[1]),
    "charged off": j.charge_off(DAYS[4]),
    "overpaid": j.payment(15, DAYS[1], allocation="hold"),
    "paid": j.payment(15, DAYS[1]),
    "refinanced": j.refinance(7, DAYS[1]),
}
"""What may have befallen `LOAN` before a history begins, so that it gets further."""


class Known(NamedTuple):
    """An entry as a client remembers it; `parts` of a refinance: its two loans."""

    tenant_id: UUID
    entry_id: UUID
    kind: str
    loans: tuple[UUID, ...]


class History(RuleBasedStateMachine):
    """Draws commands; `SideBySide` takes them in ledger and model, and compares."""

    def __init__(self) -> None:
        super().__init__()
        self.both = SideBySide()
        self.entries: list[Known] = []
        self.events: dict[str, list[tuple[UUID, UUID]]] = {"disbursement": [], "payment": []}
        self.in_euros: tuple[UUID, ...] = ()

    @initialize(
        amount=openings,
        befell=st.lists(st.sampled_from(sorted(EARLIER)), max_size=3),
        in_euros=euro_loans,
    )
    def open_loans(self, amount: int, befell: list[str], in_euros: tuple[UUID, ...]) -> None:
        self.in_euros = in_euros
        for loan in (LOAN, THIRD_LOAN):
            self.take(j.disbursement(amount, DAYS[0], loan_id=loan))
            self.take(self._settlement(0, None, DAYS[0]))
        for name in befell:
            self.take(EARLIER[name])
            self.run_all_steps()

    @rule(amount=amounts, day=days, loan=loans, slip=slips)
    def disburse(self, amount: int, day: str, loan: UUID, slip: str) -> None:
        self.take(j.disbursement(amount, day, loan_id=loan), slip)

    @rule(index=which, amount=st.none() | amounts, day=days, slip=slips)
    def settle(self, index: int, amount: int | None, day: str, slip: str) -> None:
        self.take(self._settlement(index, amount, day), slip)

    @rule(amount=amounts, day=days, loan=loans, slip=slips, hold=st.booleans())
    def pay(self, amount: int, day: str, loan: UUID, slip: str, hold: bool) -> None:
        mode = "hold" if hold else "auto"
        self.take(j.payment(amount, day, loan_id=loan, allocation=mode), slip)

    @rule(loan=loans, parts=st.tuples(small, small, small), slip=slips)
    def allocate_by_hand(self, loan: UUID, parts: tuple[int, int, int], slip: str) -> None:
        split = dict(zip(("fees", "interest", "principal"), parts, strict=True))
        amount = sum(parts) or 1
        self.take(
            j.allocation(amount, DAYS[3], loan_id=loan, split=split if sum(parts) else {"fees": 1}),
            slip,
        )

    @rule(loan=loans, index=which, amount=st.none() | amounts, slip=slips)
    def allocate(self, loan: UUID, index: int, amount: int | None, slip: str) -> None:
        """No amount: all that the suspense of some loan holds."""
        if amount is None:
            loan = self._with_suspense(index, loan)
            amount = self.both.suspense(TENANT, loan) or 1
        self.take(j.allocation(amount, DAYS[3], loan_id=loan), slip)

    @rule(index=which, day=days, slip=slips)
    def return_payment(self, index: int, day: str, slip: str) -> None:
        tenant, event_id = self._event("payment", index)
        self.take(j.payment_return(event_id, day, tenant_id=tenant), slip)

    @rule(amount=amounts, day=days, loan=loans, slip=slips)
    def assess_fee(self, amount: int, day: str, loan: UUID, slip: str) -> None:
        self.take(j.fee(amount, day, loan_id=loan), slip)

    @rule(amount=small, loan=loans, slip=slips)
    def waive(self, amount: int, loan: UUID, slip: str) -> None:
        self.take(j.waiver(amount + 1, DAYS[4], loan_id=loan), slip)

    @rule(loan=loans, slip=slips)
    def charge_off(self, loan: UUID, slip: str) -> None:
        self.take(j.charge_off(DAYS[4], loan_id=loan), slip)

    @rule(amount=amounts, loan=loans, slip=slips)
    def recover(self, amount: int, loan: UUID, slip: str) -> None:
        self.take(j.recovery(amount, DAYS[4], loan_id=loan), slip)

    @rule(interest=st.none() | small, fees=st.none() | small, loan=loans, slip=slips)
    def restructure(self, interest: int | None, fees: int | None, loan: UUID, slip: str) -> None:
        """No amount: all of it."""
        owed = self.both.owed(TENANT, loan)
        command = j.restructure(
            interest=owed["1200"] if interest is None else interest,
            fees=owed["1300"] if fees is None else fees,
            on=DAYS[4],
            loan_id=loan,
        )
        self.take(command, slip)

    @rule(old=loans, new=new_loans, extra=st.sampled_from([0, 0, 7, LARGEST]), slip=slips)
    def refinance(self, old: UUID, new: UUID, extra: int, slip: str) -> None:
        self.take(j.refinance(extra, DAYS[4], loan_id=old, new_loan_id=new), slip)

    @rule(
        group=st.sampled_from([(LOAN, THIRD_LOAN), (SECOND_LOAN,), (FOURTH_LOAN,)]),
        interests=st.tuples(st.integers(0, 30) | st.just(LARGEST), small),
        day=days,
        slip=slips,
        backfill=st.booleans(),
        guess=st.sampled_from([None, None, None, 0, 1]),
    )
    def accrue(
        self,
        group: tuple[UUID, ...],
        interests: tuple[int, int],
        day: str,
        slip: str,
        backfill: bool,
        guess: int | None,
    ) -> None:
        """`guess`: how wrong the client is about the principal that must match."""
        tenant = j.OTHER_TENANT if slip == "tenant" else TENANT
        held = {loan: self.both.owed(tenant, loan)["1100"] + (guess or 0) for loan in group}
        command = j.accrual(
            dict(zip(group, interests, strict=False)),
            day,
            held,
            tenant_id=tenant,
            backfill=backfill,
            require_principal_match=guess is not None,
        )
        self.take(command, slip)

    @rule(
        kind=which,
        index=which,
        day=st.sampled_from(DAYS[2:]),
        slip=slips,
        alone=st.sampled_from([*LOANS[:3], None, None]),
    )
    def reverse(self, kind: int, index: int, day: str, slip: str, alone: UUID | None) -> None:
        """An entry of any kind there is, by the command it asks for; now and then by another."""
        kinds = sorted({x.kind for x in self.entries})
        if not kinds:
            self.take(j.reversal(j.NO_SUCH_ENTRY, day))
            return
        entries = [x for x in self.entries if x.kind == kinds[kind % len(kinds)]]
        known = entries[-1 - index % len(entries)]
        if known.kind == "refinance" and slip != "loan":
            old, new = known.loans
            command: c.AnyCommand = j.refinance_reversal(
                known.entry_id, day, loan_id=old, new_loan_id=new
            )
        elif known.kind == "accrual" and slip != "loan":
            whole = {"loan_id": alone} if alone else {"part": 0, "chunks_total": 1}
            command = j.reversal(known.entry_id, day, **whole)
        else:
            command = j.reversal(known.entry_id, day)
        self.take(replace(command, tenant_id=known.tenant_id), "" if slip == "loan" else slip)

    @precondition(lambda self: any(x.kind in HARD_TO_REACH for x in self.entries))
    @rule(index=which, day=st.sampled_from(DAYS[4:]))
    def reverse_what_is_rare(self, index: int, day: str) -> None:
        rare = [x for x in self.entries if x.kind in HARD_TO_REACH]
        kinds = sorted({x.kind for x in self.entries})
        kind = rare[-1 - index % len(rare)].kind
        self.reverse(kinds.index(kind), index, day, "", None)

    @rule(
        groups=groups,
        day=days,
        loan=loans | st.none(),
        borrower=st.booleans(),
        slip=slips,
        wrong=astray,
    )
    def adjust(
        self,
        groups: list[Group],
        day: str,
        loan: UUID | None,
        borrower: bool,
        slip: str,
        wrong: str,
    ) -> None:
        own = "USD" if loan is None else self._currency_of(TENANT, loan)
        lines = [line for group in groups for line in lines_of(group, own)]
        if wrong:
            lines[-1] = put_astray(lines[-1], wrong)
        command = j.adjustment(
            on=day,
            loan_id=loan,
            borrower_id=j.BORROWER if borrower else None,
            accrued_through=j.OPENED_ON,
        )
        self.take(replace(command, lines=tuple(lines)), slip)

    @rule(index=which, loan=loans)
    def refund_suspense(self, index: int, loan: UUID) -> None:
        loan = self._with_suspense(index, loan)
        held = self.both.suspense(TENANT, loan) or 1
        legs = (DR(SUSPENSE, held), CR(CASH, held))
        currency = self._currency_of(TENANT, loan)
        self.take(j.adjustment(*legs, on=DAYS[4], loan_id=loan, currency=currency))

    @rule(month=st.sampled_from(MONTHS), slip=slips)
    def close(self, month: str, slip: str) -> None:
        self.take(j.close(month), slip)

    @rule(days=st.sampled_from([1, 20, 40]))
    def wait(self, days: int) -> None:
        self.both.wait(days)

    @precondition(lambda self: self.both.ledger.queue)
    @rule(index=which)
    def run_a_step(self, index: int) -> None:
        queue = self.both.ledger.queue
        self._take(queue.pop(index % len(queue)))

    @precondition(lambda self: self.both.ledger.queue)
    @rule()
    def run_all_steps(self) -> None:
        while self.both.ledger.queue:
            self.run_a_step(0)

    @invariant()
    def the_books_are_true(self) -> None:
        self.both.check()

    def teardown(self) -> None:
        self.both.check_whole()

    def take(self, command: c.AnyCommand, slip: str = "") -> Decision:
        """A client's command, in the currency of its loan, with a slip."""
        of = shares_of(command)[0] if isinstance(command, c.AccrualChunk) else command
        loan_id = getattr(of, "loan_id", None)
        if loan_id is not None and getattr(command, "currency", None) is not None:
            currency = self._currency_of(command.tenant_id, loan_id)
            command = replace(command, currency=currency)  # type: ignore[call-arg]
        return self._take(slipped(command, slip))

    def _take(self, command: c.AnyCommand) -> Decision:
        decision, entry = self.both.take(command)
        if entry is not None:
            loans = (
                (command.loan_id, command.new_loan_id) if hasattr(command, "new_loan_id") else ()
            )
            if entry.event_type != "refinance" or entry.part == 1:
                self.entries.append(
                    Known(command.tenant_id, entry.journal_entry_id, entry.event_type, loans)
                )
            if entry.event_type == "payment_received":
                self.events["payment"].append((command.tenant_id, entry.event_id))
            disbursed = decision.result.get("disbursement_event_id")
            if disbursed is not None:
                self.events["disbursement"].append((command.tenant_id, UUID(disbursed)))
        return decision

    def _with_suspense(self, index: int, otherwise: UUID) -> UUID:
        holding = [loan for loan in LOANS if self.both.suspense(TENANT, loan)]
        return holding[index % len(holding)] if holding else otherwise

    def _settlement(self, index: int, amount: int | None, day: str) -> c.DisbursementSettlement:
        tenant, event_id = self._event("disbursement", index)
        command = j.settlement(event_id, amount, day, tenant_id=tenant)
        of = self.both.model.events.get((tenant, event_id))
        if amount is None or of is None or of.life is None:
            return command
        return replace(command, currency=of.life.currency)

    def _currency_of(self, tenant_id: UUID, loan_id: UUID) -> str:
        """The loan's; of none, the one that it will be opened in."""
        life = self.both.model.alive(tenant_id, loan_id)
        if life is not None:
            return life.currency
        return "EUR" if loan_id in self.in_euros else "USD"

    def _event(self, kind: str, index: int) -> tuple[UUID, UUID]:
        """The latest event first; of none, one that nobody knows."""
        known = self.events[kind]
        return known[-1 - index % len(known)] if known else (TENANT, j.NO_SUCH_ENTRY)


def slipped(command: c.AnyCommand, slip: str) -> c.AnyCommand:
    """The command with a client's mistake in it, where it has such a member."""
    wrong: dict[str, Any] = {
        "borrower": ("borrower_id", j.OTHER_BORROWER),
        "currency": ("currency", other_currency(getattr(command, "currency", None))),
        "tenant": ("tenant_id", j.OTHER_TENANT),
        "loan": ("loan_id", SECOND_LOAN),
    }
    name, value = wrong.get(slip, ("", None))
    has_one = name == "tenant_id" or getattr(command, name, None) is not None
    takes_one = isinstance(command, c.DisbursementSettlement | c.PaymentReturn)
    if not (has_one or takes_one) or (takes_one and not hasattr(command, name)):
        return command
    return replace(command, **{name: value})
