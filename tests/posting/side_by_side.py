"""The ledger and the model side by side: every decision compared, every invariant checked."""

from collections import Counter
from datetime import date, timedelta
from uuid import UUID

from posting_engine.posting.accrual import shares_of
from posting_engine.posting.journal import SETTLED, Entry
from posting_engine.posting.loan import Loan
from posting_engine.posting.page import Decision
from posting_engine.posting.refusals import Refusal
from schemas import commands as c
from schemas.commands import AnyCommand
from tests.posting.books import EVENT_OF, Books, Ledger, rejections
from tests.posting.model import Model
from tests.posting.standing import NAMES, OWED, Everything, Fact, Key, Life

SUB_BALANCES = {
    "1100": ("principal_minor", 1),
    "1200": ("interest_minor", 1),
    "1300": ("fees_minor", 1),
    "2100": ("suspense_minor", -1),
    "2000": ("unsettled_minor", -1),
}
CURRENCIES = ("USD", "EUR")
REFINANCE_STEPS = (c.RefinanceOpening, c.PayoffReversal)
met: Counter[object] = Counter()
"""Commands by type, refusals by (event, code), lines by (currency, layer): what any history met."""


class SideBySide:
    """Takes commands; raises `AssertionError` as soon as books and specification differ."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.model = Model()
        self.decisions: dict[int, list[Decision]] = {}
        self.lines: Counter[tuple[Key, int, str]] = Counter()
        self.accounts: Counter[tuple[UUID, str, str, str]] = Counter()
        """(tenant, account, currency, layer) -> debits less credits."""
        self.touched: set[Key] = set()
        self.day = date(2026, 1, 5)

    def wait(self, days: int) -> None:
        self.day += timedelta(days=days)
        self.ledger.on(self.day.isoformat())

    def owed(self, tenant_id: UUID, loan_id: UUID) -> Counter[str]:
        """Debits less credits of a living loan, by account."""
        life = self.model.alive(tenant_id, loan_id)
        return Counter() if life is None else life.net

    def suspense(self, tenant_id: UUID, loan_id: UUID) -> int:
        life = self.model.alive(tenant_id, loan_id)
        return 0 if life is None else life.suspense

    def take(self, command: AnyCommand) -> tuple[Decision, Entry | None]:
        """Decide a command in both; its entry, if it has one."""
        command, books = self.ledger.addressed(command)
        partition = books.page.partition_id
        self.model.today = books.clock.date()
        if isinstance(command, c.AccrualChunk):
            expected: object = self._shares(command)
        elif isinstance(command, c.Reversal) and (command.part is not None or command.loan_id):
            expected = self._undoings(command, partition)
        else:
            expected = self.model.judge(command, partition)
        before = dict(books.page.loans)
        decision = self.ledger.take(command)
        self.decisions.setdefault(partition, []).append(decision)
        self._note(command, decision)
        if isinstance(decision, Refusal):
            assert books.page.loans == before
        self._compare(command, expected, decision, partition)
        return decision, None if isinstance(decision, Refusal) else decision.entry

    def _shares(self, chunk: c.AccrualChunk) -> dict[UUID, str | Fact]:
        return {x.loan_id: self.model.judge_share(chunk, x) for x in shares_of(chunk)}

    def _undoings(self, command: c.Reversal, partition: int) -> dict[UUID, str | Fact] | str:
        """What is expected of each loan; or of the whole, where there is no loan to speak of."""
        tenant_id, entry_id = command.tenant_id, command.reverses_entry_id
        found = [x for x in self.model.shares(tenant_id, entry_id) if x.partition == partition]
        found = [x for x in found if command.loan_id in (None, loan_of(x))]
        if not found:
            return "entry_not_found"
        if command.part is not None:
            found = [x for x in found if x.stands]
            if not found:
                return "already_reversed"
        return {loan_of(x): self.model.judge_undoing(x, command.effective_on) for x in found}

    def _compare(
        self, command: AnyCommand, expected: object, decision: Decision, partition: int
    ) -> None:
        if isinstance(expected, dict):
            facts = self._each_loan(command, expected, decision)
        elif isinstance(expected, Fact):
            assert not isinstance(decision, Refusal), (command, decision)
            facts = [expected]
        else:
            assert isinstance(decision, Refusal), (command, expected)
            assert decision.code == expected, (command, expected, decision)
            return
        if not facts or isinstance(decision, Refusal):
            return
        self.model.reserve(command)
        if isinstance(command, c.PeriodClose | c.PeriodClosed):
            closed = self.model.closed
            key = (partition, command.tenant_id)
            closed[key] = max(closed.get(key, date.min), command.closed_through)
        if isinstance(command, c.AccrualChunk):
            for fact in facts:
                through = fact.life.accrued_through or fact.day
                fact.life.accrued_through = max(through, fact.day)
                self.touched.add(fact.life.key)
            facts = [fact for fact in facts if fact.amount]
        if decision.entry is None:
            assert not any(fact.totals for fact in facts)
            return
        self._enter(command, decision.entry, facts, partition)
        for name in ("disbursement_event_id", "payment_event_id"):
            if name in decision.result:
                event_id = UUID(str(decision.result[name]))
                self.model.events[command.tenant_id, event_id] = facts[0]

    def _each_loan(
        self, command: AnyCommand, expected: dict[UUID, str | Fact], decision: Decision
    ) -> list[Fact]:
        """Of a chunk, or the reversal of one: those that must have posted."""
        codes = {loan: x for loan, x in expected.items() if isinstance(x, str)}
        if isinstance(command, c.Reversal) and command.part is None:
            (code,) = codes.values() or (None,)
            assert code == (decision.code if isinstance(decision, Refusal) else None)
        else:
            assert rejections(decision) == codes, (command, decision, codes)
            assert isinstance(decision, Refusal) == (len(codes) == len(expected))
        return [x for x in expected.values() if isinstance(x, Fact)]

    def _enter(self, command: AnyCommand, entry: Entry, facts: list[Fact], partition: int) -> None:
        self._check_entry(entry, partition)
        everything = sum((x.everything for x in facts), Everything())
        assert everything == sides(entry), (command, entry)
        day = getattr(command, "effective_on", None) or getattr(command, "accrued_on", None)
        assert entry.effective_on == day
        met["layers", len({line.layer for line in entry.lines})] += 1
        for line in entry.lines:
            place = (line.account_code, line.currency, line.layer)
            self.accounts[entry.tenant_id, *place] += line.signed_minor
            met[line.currency, line.layer] += 1
        for fact in facts:
            self.model.enter(command, fact, entry.journal_entry_id, partition)
            if fact.life is not None:
                self.touched.add(fact.life.key)
        for line in entry.lines:
            if line.loan_id is not None and line.layer == SETTLED:
                key = (entry.tenant_id, line.loan_id)
                loan = self._loan(key)
                assert line.currency == loan.currency
                self.lines[key, loan.life, line.account_code] += line.signed_minor

    def _check_entry(self, entry: Entry, partition: int) -> None:
        """What holds of every entry, recomputed."""
        sums: Counter[tuple[str, str]] = Counter()
        for line in entry.lines:
            assert line.amount_minor > 0
            sign = 1 if line.direction == "DR" else -1
            sums[line.currency, line.layer] += sign * line.amount_minor
        assert len(entry.lines) >= 2
        assert not any(sums.values())
        closed = self.model.closed.get((partition, entry.tenant_id))
        if closed is None or entry.effective_on > closed:
            assert entry.booked_on == entry.effective_on
        else:
            assert entry.booked_on == closed + timedelta(days=1)

    def _loan(self, key: Key) -> Loan:
        tenant_id, loan_id = key
        return self.ledger.loan(loan_id, tenant_id)

    def check(self) -> None:
        """The invariants, after a step."""
        for key in self.touched:
            life, loan = self.model.lives[key], self._loan(key)
            assert not disagreements(life, loan), (disagreements(life, loan), loan)
            for account, (name, side) in SUB_BALANCES.items():
                held = getattr(loan, name)
                assert held == side * self.lines[key, loan.life, account] >= 0
            cash = sum(loan.collected_minor(name) for name in NAMES.values())
            assert cash + loan.suspense_minor == life.came_in
        self.touched.clear()
        cash, loans = self.model.cash(), self._loans()
        for currency in CURRENCIES:
            assert self._total("1000", currency) == cash[currency]
            for account, (name, side) in SUB_BALANCES.items():
                held = sum(getattr(one, name) for one in loans if one.currency == currency)
                assert held == side * self._total(account, currency)
            if not any(isinstance(x, REFINANCE_STEPS) for x in self.ledger.queue):
                assert not self._total("2200", currency)
        both_sides: Counter[tuple[UUID, str, str]] = Counter()
        for (tenant_id, _, currency, layer), amount in self.accounts.items():
            both_sides[tenant_id, currency, layer] += amount
        assert not any(both_sides.values())

    def _loans(self) -> list[Loan]:
        return [one for books in self.ledger.partitions for one in books.page.loans.values()]

    def _total(self, account: str, currency: str) -> int:
        """What is settled on an account, of all tenants."""
        tenants = {tenant_id for tenant_id, *_ in self.accounts}
        return sum(self.accounts[t, account, currency, SETTLED] for t in tenants)

    def check_whole(self) -> None:
        """The same log again, each command with a page of only what it names, gives the same."""
        for books in self.ledger.partitions:
            again = Books(partition_id=books.page.partition_id, narrow=True)
            for (command, place), was in zip(
                books.placed, self.decisions.get(books.page.partition_id, []), strict=True
            ):
                assert again.take_at(command, place) == was
            assert again.page.loans == books.page.loans
            assert again.journal == books.journal

    def _note(self, command: AnyCommand, decision: Decision) -> None:
        met[type(command).__name__] += 1
        if not isinstance(decision, Refusal):
            met["posted", type(command).__name__] += 1
        event = EVENT_OF.get(type(command), "")
        codes = set(rejections(decision).values())
        if isinstance(decision, Refusal):
            codes.add(decision.code)
        met.update((event, code) for code in codes - {"accrual_rejected"})


def loan_of(fact: Fact) -> UUID | None:
    return None if fact.life is None else fact.life.key[1]


def sides(entry: Entry) -> Everything:
    """What an entry debits and credits, by account, currency and layer."""
    both: Everything = Counter()
    for line in entry.lines:
        both[line.direction, line.account_code, line.currency, line.layer] += line.amount_minor
    return both


def disagreements(life: Life, loan: Loan) -> list[str]:
    """In what the books and the model differ about a loan."""
    said = {
        "borrower": loan.borrower_id,
        "currency": loan.currency,
        "opened": loan.opened_on,
        "owed": [loan.owed_minor(NAMES[code]) for code in OWED],
        "collected": [loan.collected_minor(NAMES[code]) for code in OWED],
        "suspense": loan.suspense_minor,
        "unsettled": loan.unsettled_minor,
        "recovered": loan.recovered_minor,
        "accrued through": loan.accrued_through,
        "status": loan.status,
        "payments": loan.standing_payments,
    }
    true = {
        "borrower": life.borrower_id,
        "currency": life.currency,
        "opened": life.opened_on,
        "owed": [life.net[code] for code in OWED],
        "collected": [life.collected[code] for code in OWED],
        "suspense": life.suspense,
        "unsettled": life.unsettled,
        "recovered": life.recovered,
        "accrued through": life.accrued_through,
        "status": life.status,
        "payments": len(life.standing("payment")),
    }
    return [name for name in said if said[name] != true[name]]
