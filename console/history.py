"""A loan's journal, read as bookkeeping: running balances, T-accounts, waterfalls. Pure.

Takes the entries of `GET /loans/{id}/journal-entries` in the order posted. Amounts are `int`
minor units; nothing here decides anything, it only adds up what was posted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

Entry = Mapping[str, Any]

SUB_BALANCES: Final = {"1300": "fees", "1200": "interest", "1100": "principal", "2100": "suspense"}
"""The accounts kept per loan, in the order of the waterfall."""
_CREDIT_STANDS: Final = frozenset({"2100"})
_PAYMENTS: Final = frozenset({"payment_received", "payment_allocated"})


class Balance(NamedTuple):
    """A loan's sub-balances in minor units."""

    fees_minor: int = 0
    interest_minor: int = 0
    principal_minor: int = 0
    suspense_minor: int = 0

    @property
    def exposure_minor(self) -> int:
        """What is receivable."""
        return self.fees_minor + self.interest_minor + self.principal_minor


@dataclass(frozen=True, slots=True)
class Step:
    """One entry and the balance after it."""

    entry: Entry
    before: Balance
    after: Balance


@dataclass(frozen=True, slots=True)
class Applied:
    """One step of a waterfall: what was owed, what went there, what was left of the money."""

    receivable: str
    owed_minor: int
    applied_minor: int
    left_minor: int


@dataclass(frozen=True, slots=True)
class TAccount:
    """An account with the lines that name the loan on either side: (day, event, amount)."""

    code: str
    debits: tuple[tuple[str, str, int], ...]
    credits: tuple[tuple[str, str, int], ...]

    @property
    def debit_minor(self) -> int:
        """The total of the left side."""
        return sum(amount_minor for _, _, amount_minor in self.debits)

    @property
    def credit_minor(self) -> int:
        """The total of the right side."""
        return sum(amount_minor for _, _, amount_minor in self.credits)


def believed(entries: Iterable[Entry], *, as_of: str | None, known_at: str | None) -> list[Entry]:
    """What was known by an instant of what counts by a day. Both inclusive; None: everything."""
    return [
        entry
        for entry in entries
        if (as_of is None or entry["effective_at"] <= as_of)
        and (known_at is None or entry["posted_at"] <= known_at)
    ]


def by_effect(entries: Iterable[Entry]) -> list[Entry]:
    """By effective date, then as posted: the order of a statement."""
    return sorted(entries, key=lambda entry: entry["effective_at"])


def running(entries: Iterable[Entry]) -> list[Step]:
    """Each entry with the balance before and after it, in the order given."""
    steps: list[Step] = []
    balance = Balance()
    for entry in entries:
        after = _after(balance, entry)
        steps.append(Step(entry, balance, after))
        balance = after
    return steps


def waterfall(step: Step) -> list[Applied]:
    """Where a payment or an allocation went; empty for any other entry.

    `step` must come of the order posted: what was owed is what stood when it was decided.
    """
    if step.entry["event_type"] not in _PAYMENTS:
        return []
    moved = _movements(step.entry)
    from_suspense = step.entry["event_type"] == "payment_allocated"
    left_minor = -sum(moved[code] for code in ("1300", "1200", "1100"))
    if not from_suspense:
        left_minor += moved["2100"]
    applied: list[Applied] = []
    for code, name in SUB_BALANCES.items():
        if code == "2100":
            amount_minor = 0 if from_suspense else moved[code]
            owed_minor = 0
        else:
            amount_minor = -moved[code]
            owed_minor = getattr(step.before, f"{name}_minor")
        left_minor -= amount_minor
        applied.append(Applied(name, owed_minor, amount_minor, left_minor))
    return applied


def t_accounts(entries: Iterable[Entry]) -> list[TAccount]:
    """Every account the entries touch, by code."""
    sides: dict[str, tuple[list[tuple[str, str, int]], list[tuple[str, str, int]]]] = {}
    for entry in entries:
        for line in _settled(entry):
            both = sides.setdefault(line["account_code"], ([], []))
            written = (entry["effective_at"], entry["event_type"], int(line["amount_minor"]))
            both[line["direction"] == "CR"].append(written)
    return [TAccount(code, tuple(dr), tuple(cr)) for code, (dr, cr) in sorted(sides.items())]


def _after(balance: Balance, entry: Entry) -> Balance:
    moved = _movements(entry)
    return Balance(*(held + moved[code] for held, code in zip(balance, SUB_BALANCES, strict=True)))


def _movements(entry: Entry) -> dict[str, int]:
    """How far each sub-balance rises, by account code."""
    moved = dict.fromkeys(SUB_BALANCES, 0)
    for line in _settled(entry):
        code = line["account_code"]
        if code in moved:
            is_rise = (line["direction"] == "CR") == (code in _CREDIT_STANDS)
            moved[code] += int(line["amount_minor"]) * (1 if is_rise else -1)
    return moved


def _settled(entry: Entry) -> Sequence[Mapping[str, Any]]:
    return [line for line in entry["lines"] if line["layer"] == "SETTLED"]
