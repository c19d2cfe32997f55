"""Histories: any commands in any order, with the model beside the books (`test_properties`)."""

from collections import Counter
from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from posting_engine.posting.accrual import Share, shares_of
from posting_engine.posting.journal import Entry
from posting_engine.posting.page import Decision, Posting
from posting_engine.posting.refusals import Refusal
from schemas.commands import AccrualChunk, Disbursement, Payment, Reversal
from tests.journal import (
    BORROWER,
    LARGEST,
    LOAN,
    NO_SUCH_ENTRY,
    OTHER_BORROWER,
    OTHER_TENANT,
    SECOND_LOAN,
    TENANT,
    THIRD_LOAN,
    accrual,
    disbursement,
    payment,
    reversal,
)
from tests.posting.books import Books
from tests.posting.model import Model, signed

LOANS = (LOAN, SECOND_LOAN, THIRD_LOAN)
FIRST_DAY = date(2026, 1, 1)
SUB_BALANCES = {
    ("1100", "principal_minor", 1),
    ("1200", "interest_minor", 1),
    ("1300", "fees_minor", 1),
    ("2100", "suspense_minor", -1),
    ("2000", "unsettled_minor", -1),
}

amounts = st.integers(1, 40) | st.sampled_from([100_00, 1_000_00, LARGEST])
days = st.integers(0, 12).map(lambda n: (FIRST_DAY + timedelta(days=n)).isoformat())
tenants = st.sampled_from([TENANT, TENANT, TENANT, TENANT, OTHER_TENANT])
loans = st.sampled_from(LOANS)
borrowers = st.sampled_from([BORROWER] * 7 + [OTHER_BORROWER])
currencies = st.sampled_from(["USD"] * 7 + ["EUR"])
shares = st.dictionaries(loans, st.integers(0, 30) | st.just(LARGEST), min_size=1, max_size=3)
steps_taken: Counter[str] = Counter()


class AccrualPart(NamedTuple):
    """An accrual that posted."""

    tenant_id: UUID
    entry: Entry


class Ledger(RuleBasedStateMachine):
    """Books of three loan ids in two tenants, with the model beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.books = Books()
        self.model = Model()
        self.decisions: list[Decision] = []
        self.sums: Counter[tuple[UUID, UUID | None, str]] = Counter()
        self.entries: list[tuple[UUID, UUID]] = []
        self.parts: list[AccrualPart] = []

    @initialize(amount=amounts)
    def open_loans(self, amount: int) -> None:
        for loan in LOANS:
            command = disbursement(amount, FIRST_DAY.isoformat(), loan_id=loan)
            decision = self._take(command)
            assert isinstance(decision, Posting)
            self.model.disburse(command, self._note(decision, TENANT))

    @rule(amount=amounts, day=days, loan=loans, tenant=tenants, who=borrowers, currency=currencies)
    def disburse(
        self, amount: int, day: str, loan: UUID, tenant: UUID, who: UUID, currency: str
    ) -> None:
        command = disbursement(
            amount, day, tenant_id=tenant, loan_id=loan, borrower_id=who, currency=currency
        )
        expected = self.model.code_of(command)
        decision = self._take(command)
        if self._agrees(decision, expected, tenant) and isinstance(decision, Posting):
            self.model.disburse(command, self._note(decision, tenant))

    @rule(
        amount=amounts,
        day=days,
        loan=loans,
        tenant=tenants,
        who=borrowers,
        currency=currencies,
        allocation=st.sampled_from(["auto", "auto", "auto", "hold"]),
    )
    def pay(
        self,
        amount: int,
        day: str,
        loan: UUID,
        tenant: UUID,
        who: UUID,
        currency: str,
        allocation: str,
    ) -> None:
        command = payment(
            amount,
            day,
            tenant_id=tenant,
            loan_id=loan,
            borrower_id=who,
            currency=currency,
            allocation=allocation,
        )
        expected = self.model.code_of(command)
        decision = self._take(command)
        if self._agrees(decision, expected, tenant) and isinstance(decision, Posting):
            self.model.pay(command, self._note(decision, tenant))

    @rule(
        interests=shares,
        day=days,
        tenant=tenants,
        currency=currencies,
        backfill=st.booleans(),
        match=st.sampled_from([False, False, True]),
        guess=st.integers(0, 40),
    )
    def accrue(
        self,
        interests: dict[UUID, int],
        day: str,
        tenant: UUID,
        currency: str,
        backfill: bool,
        match: bool,
        guess: int,
    ) -> None:
        chunk = accrual(
            interests,
            day,
            self._principals(tenant, guess),
            tenant_id=tenant,
            currency=currency,
            backfill=backfill,
            require_principal_match=match,
        )
        expected = {
            share.loan_id: self.model.code_of_share(
                chunk, share.loan_id, share.interest_minor, self._states_principal(tenant, share)
            )
            for share in shares_of(chunk)
        }
        decision = self._take(chunk)
        refused = rejections(decision)
        for loan, code in expected.items():
            assert refused.get(loan) in self._allowed(code, tenant), (loan, refused, code)
        if isinstance(decision, Refusal):
            assert decision.code == "accrual_rejected"
            assert set(refused) == set(interests)
            return
        for loan in interests.keys() - refused.keys():
            self.model.accrue(chunk, loan, interests[loan], decision.entry)
        if decision.entry is not None:
            self._note(decision, tenant, reversible=False)
            self.parts.append(AccrualPart(tenant, decision.entry))

    @rule(which=st.integers(0, 40), day=days, stranger=st.sampled_from([False] * 9 + [True]))
    def reverse_entry(self, which: int, day: str, stranger: bool) -> None:
        known = self.entries or [(TENANT, NO_SUCH_ENTRY)]
        tenant, entry_id = known[which % len(known)]
        command = reversal(entry_id, day, tenant_id=OTHER_TENANT if stranger else tenant)
        expected = self.model.code_of_reversal(command)
        decision = self._take(command)
        if self._agrees(decision, expected, tenant) and isinstance(decision, Posting):
            self.model.reverse(command, self._note(decision, tenant))

    @rule(which=st.integers(0, 40), day=days, loan=loans | st.none())
    def reverse_accrual(self, which: int, day: str, loan: UUID | None) -> None:
        if not self.parts:
            assert isinstance(self._take(reversal(NO_SUCH_ENTRY, loan_id=LOAN)), Refusal)
            return
        part = self.parts[which % len(self.parts)]
        whole = {"part": part.entry.part, "chunks_total": 1}
        command = reversal(
            part.entry,
            day,
            tenant_id=part.tenant_id,
            **({"loan_id": loan} if loan is not None else whole),
        )
        standing = self._standing_loans(part, loan)
        decision = self._take(command)
        early = command.effective_on < part.entry.effective_on
        if isinstance(decision, Refusal):
            allowed = self._allowed("effective_before_original" if early else None, part.tenant_id)
            if not standing:
                allowed = {"already_reversed", "entry_not_found"}
            assert decision.code in allowed, (decision, standing)
            return
        assert not early
        mirror_id = self._note(decision, part.tenant_id, reversible=loan is not None)
        for one in standing - rejections(decision).keys():
            self.model.unaccrue(command, one, part.entry.part, mirror_id)

    @invariant()
    def the_books_are_true(self) -> None:
        for (tenant, loan_id), one in self.books.page.loans.items():
            for account, name, side in SUB_BALANCES:
                assert getattr(one, name) == side * self.sums[tenant, loan_id, account]
                assert getattr(one, name) >= 0
            for name in ("principal", "interest", "fees"):
                assert one.collected_minor(name) >= 0
            disagreements = self.model.lives[tenant, loan_id].disagreements(one)
            assert not disagreements, (disagreements, one)

    @invariant()
    def cash_is_what_was_paid(self) -> None:
        cash: Counter[UUID] = Counter()
        for (tenant, _), life in self.model.lives.items():
            cash[tenant] += sum(life.payments.values())
        for (tenant, _, account), amount in self.sums.items():
            cash[tenant] -= amount if account == "1000" else 0
        assert not any(cash.values())

    def teardown(self) -> None:
        """The same log again, each command with a page of its own, gives the same decisions."""
        again = Books()
        for (command, place), was in zip(self.books.placed, self.decisions, strict=True):
            again.turn_page()
            assert again.take_at(command, place) == was
        assert again.page.loans == self.books.page.loans
        assert again.journal == self.books.journal

    def _take(self, command: Disbursement | Payment | AccrualChunk | Reversal) -> Decision:
        before = dict(self.books.page.loans)
        decision = self.books.take(command)
        self.decisions.append(decision)
        steps_taken[type(command).__name__] += 1
        if isinstance(decision, Refusal):
            steps_taken[decision.code] += 1
            assert self.books.page.loans == before
        return decision

    def _note(self, posting: Posting, tenant: UUID, *, reversible: bool = True) -> UUID:
        """Check an entry and add it up; its id."""
        entry = posting.entry
        assert entry is not None
        assert sum(signed(entry).values()) == 0
        assert len(entry.lines) >= 2
        assert all(line.amount_minor > 0 and line.layer == "SETTLED" for line in entry.lines)
        assert len({line.currency for line in entry.lines}) == 1
        for (loan_id, account), amount in signed(entry).items():
            self.sums[tenant, loan_id, account] += amount
        if reversible:
            self.entries.append((tenant, entry.journal_entry_id))
        return entry.journal_entry_id

    def _agrees(self, decision: Decision, expected: str | None, tenant: UUID) -> bool:
        code = decision.code if isinstance(decision, Refusal) else None
        assert code in self._allowed(expected, tenant), (code, expected)
        return True

    def _allowed(self, expected: str | None, tenant: UUID) -> set[str | None]:
        if expected is None and self.model.may_be_out_of_range(tenant):
            return {None, "balance_out_of_range"}
        return {expected}

    def _principals(self, tenant: UUID, guess: int) -> dict[UUID, int]:
        """What the client believes: the truth, or a guess where the guess is even."""
        held = {
            loan: one for (owner, loan), one in self.books.page.loans.items() if owner == tenant
        }
        return {x: one.principal_minor if guess % 2 else guess for x, one in held.items()}

    def _states_principal(self, tenant: UUID, share: Share) -> bool:
        one = self.books.page.loan_of(tenant, share.loan_id)
        return one is not None and one.principal_minor == share.principal_minor

    def _standing_loans(self, part: AccrualPart, loan: UUID | None) -> set[UUID]:
        key = (part.entry.journal_entry_id, part.entry.part)
        return {
            loan_id
            for (tenant, loan_id), life in self.model.lives.items()
            if tenant == part.tenant_id and key in life.accruals and loan in (None, loan_id)
        }


def rejections(decision: Decision) -> dict[UUID, str]:
    """Loan -> code."""
    members = decision.members if isinstance(decision, Refusal) else decision.result
    listed = members.get("rejections", [])
    assert isinstance(listed, list)
    return {UUID(item["loan_id"]): item["code"] for item in listed}
