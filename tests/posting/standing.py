"""What stands in a ledger, as the model sees it: facts, and the lives of loans made of them.

Written from the specification and not from the code. A fact is an entry as far as it concerns
one loan; it stands until another fact undoes it. A life is a loan from one opening to its
cancellation; whatever a loan is follows from its facts.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Optional
from uuid import UUID

from schemas.commands import AdjustmentLine
from schemas.money import MAX_AMOUNT_MINOR

CASH, PRINCIPAL, INTEREST, FEES = "1000", "1100", "1200", "1300"
UNSETTLED, SUSPENSE, REFINANCED = "2000", "2100", "2200"
SETTLED = "SETTLED"
OWED = (PRINCIPAL, INTEREST, FEES)
NAMES = {PRINCIPAL: "principal", INTEREST: "interest", FEES: "fees"}
OPENINGS = ("disbursement", "refinance", "opening adjustment")
MIRRORS = ("reversal", "payment returned")

Key = tuple[UUID, UUID]
"""tenant, loan."""
Totals = Counter[tuple[str, str]]
"""(side, account) -> amount: of one loan, in its currency, settled."""
Everything = Counter[tuple[str, str, str, str]]
"""(side, account, currency, layer) -> amount."""


def totals(debited: Mapping[str, int], credited: Mapping[str, int]) -> Totals:
    """Two sides of an entry, zeros left out."""
    both = [(("DR", code), n) for code, n in debited.items()]
    both += [(("CR", code), n) for code, n in credited.items()]
    return Counter({place: n for place, n in both if n})


def told_apart(lines: Iterable[AdjustmentLine], *, of_loan: bool) -> tuple[Totals, Everything]:
    """What an adjustment's lines do to its loan, and what stands beside that."""
    both: Totals = Counter()
    beside: Everything = Counter()
    for one in lines:
        place = (one.direction, one.account_code)
        if of_loan and one.layer == SETTLED:
            both[place] += one.amount_minor
        else:
            beside[*place, one.currency, one.layer] += one.amount_minor
    return both, beside


def swapped(both: Totals) -> Totals:
    """The same with its sides swapped."""
    return Counter({("CR" if side == "DR" else "DR", code): n for (side, code), n in both.items()})


def net(both: Totals) -> Counter[str]:
    """Debits less credits, by account."""
    by_account: Counter[str] = Counter()
    for (side, code), amount in both.items():
        by_account[code] += amount if side == "DR" else -amount
    return by_account


@dataclass(eq=False)
class Fact:
    """An entry, or one loan's share of it. `amount` is what it is about: of a refinance, the
    additional principal. `collected` is by how much it changes the cash applied, by account;
    `beside`, of an adjustment: what is not settled, or of no loan.
    """

    kind: str
    life: Optional["Life"]
    day: date
    totals: Totals
    amount: int = 0
    collected: Mapping[str, int] = field(default_factory=dict)
    undoes: Optional["Fact"] = None
    settles: Optional["Fact"] = None
    owed_again: int = 0
    settled: int = 0
    reversed_by: UUID | None = None
    partition: int = -1
    beside: Everything = field(default_factory=Counter)

    @property
    def everything(self) -> Everything:
        """All its lines, summed."""
        currency = "" if self.life is None else self.life.currency
        own = {(side, code, currency, SETTLED): n for (side, code), n in self.totals.items()}
        return Counter(own) + self.beside

    @property
    def beside_swapped(self) -> Everything:
        """What stands beside the loan's own, with its sides swapped."""
        other = {"DR": "CR", "CR": "DR"}
        return Counter({(other[side], *rest): n for (side, *rest), n in self.beside.items()})

    @property
    def stands(self) -> bool:
        return self.reversed_by is None


@dataclass(eq=False)
class Life:
    """A loan since its latest opening."""

    key: Key
    borrower_id: UUID
    currency: str
    opened_on: date
    floor: date | None = None
    accrued_through: date | None = None
    facts: list[Fact] = field(default_factory=list)
    net: Counter[str] = field(default_factory=Counter)
    collected: Counter[str] = field(default_factory=Counter)

    def standing(self, *kinds: str) -> list[Fact]:
        return [fact for fact in self.facts if fact.kind in kinds and fact.stands]

    @property
    def suspense(self) -> int:
        return -self.net[SUSPENSE]

    @property
    def unsettled(self) -> int:
        return -self.net[UNSETTLED]

    @property
    def exposure(self) -> int:
        return sum(self.net[code] for code in OWED)

    @property
    def recovered(self) -> int:
        return sum(fact.amount for fact in self.standing("recovery"))

    @property
    def status(self) -> str:
        """As the specification words it."""
        if self.standing("chargeoff"):
            return "charged_off"
        if self.standing("payoff"):
            return "refinanced"
        held = self.exposure or self.suspense or self.unsettled
        if not held and not self.standing("payment", *OPENINGS):
            return "cancelled"
        return "active" if self.exposure else "paid_off"

    @property
    def is_closed(self) -> bool:
        return self.status in ("charged_off", "refinanced")

    @property
    def came_in(self) -> int:
        """Cash of the borrower's that the loan has had the good of, or holds."""
        adjusted = self.standing("adjustment", "opening adjustment")
        paid = sum(fact.amount for fact in self.standing("payment"))
        held = -sum(net(fact.totals)[SUSPENSE] for fact in adjusted)
        return paid + held + sum(fact.owed_again for fact in self.facts)

    def enter(self, fact: Fact) -> None:
        self.facts.append(fact)
        self.net.update(net(fact.totals))
        self.collected.update(fact.collected)

    def passes_the_largest_balance(self, fact: Fact) -> bool:
        """Whether a balance would, if the fact were entered; what a refinance took over counts."""
        after, cash = self.net.copy(), self.collected.copy()
        after.update(net(fact.totals))
        cash.update(fact.collected)
        owed = [after[code] for code in OWED]
        taken_over = Counter[str]()
        for payoff in self.standing("payoff"):
            if payoff is not fact.undoes:
                taken_over.subtract(net(payoff.totals))
        recovered = self.recovered + (fact.amount if fact.kind == "recovery" else 0)
        amounts = [*owed, -after[SUSPENSE], -after[UNSETTLED], *cash.values(), recovered]
        amounts += [after[code] + taken_over[code] for code in OWED]
        return max(amounts) > MAX_AMOUNT_MINOR


def clamp(amount: int, capacity: int) -> int:
    return max(0, min(amount, capacity))


def waterfall(amount: int, principal: int, interest: int, fees: int) -> dict[str, int]:
    """What a payment pays: whatever is above the fees is left for interest, and so on."""
    return {
        "fees": clamp(amount, fees),
        "interest": clamp(amount - fees, interest),
        "principal": clamp(amount - fees - interest, principal),
        "suspense": max(0, amount - fees - interest - principal),
    }


def taken_back(
    amount: int, credited: Mapping[str, int], collected: Mapping[str, int], suspense: int
) -> tuple[dict[str, int], dict[str, int]]:
    """What a reversed payment debits, by name, and by how much each `collected` falls.

    The sources in the order in which the specification names them, each with what it can give;
    each gives what the sources before it could not.
    """
    names = ("principal", "interest", "fees")
    own = {name: min(credited[name], collected[name]) for name in names}
    sources = [(name, own[name]) for name in names]
    sources += [("suspense", suspense)]
    sources += [(name, collected[name] - own[name]) for name in names]
    debits = dict.fromkeys((*names, "suspense"), 0)
    before = 0
    for name, capacity in sources:
        debits[name] += clamp(amount - before, capacity)
        before += capacity
    falls = {name: debits[name] for name in names}
    debits["principal"] += max(0, amount - before)
    return debits, falls
