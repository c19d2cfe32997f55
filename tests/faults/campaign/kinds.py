"""What the clients of the campaign ask for: a table of event kinds, and the loans they have.

A client models no books: it remembers which ids it was told, so that what it asks for is mostly
possible. A refusal is as good an answer as a posting; the audit holds both against the ledger.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

Body = dict[str, Any]
FIRST_ACCRUAL_ON: Final = date(2026, 1, 6)
OPENED_ON: Final = "2026-01-05"
PRINCIPAL_MINOR: Final = 50_000_00
LOANS_OF_A_CLIENT: Final = 16


@dataclass(eq=False)
class Loan:
    """A loan that one client alone writes, and what it was told about it."""

    loan_id: str
    borrower_id: str
    is_open: bool = False
    is_over: bool = False
    is_charged_off: bool = False
    entries: list[str] = field(default_factory=list)
    payments: list[str] = field(default_factory=list)
    disbursements: list[str] = field(default_factory=list)


@dataclass(eq=False)
class Portfolio:
    """The loans of one client. `today`: the date that it gives to what happens now."""

    chance: random.Random
    today: str = field(default_factory=lambda: datetime.now(UTC).date().isoformat())
    loans: list[Loan] = field(default_factory=list)
    accruals: int = 0
    closes: int = 0
    concerned: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The loans of an entry that concerns several."""

    def pick(self, busy: set[str]) -> Loan:
        """A loan that is not busy; new ones take the place of those that are over."""
        self.loans = [loan for loan in self.loans if not loan.is_over]
        free = [loan for loan in self.loans if loan.loan_id not in busy]
        if len(self.loans) < LOANS_OF_A_CLIENT or not free:
            free = [Loan(self.new_id(), self.new_id())]
            self.loans += free
        return self.chance.choice(free)

    def new_id(self) -> str:
        return str(UUID(int=self.chance.getrandbits(128), version=4))

    def amount(self, most: int) -> str:
        return str(self.chance.randint(1, most))


@dataclass(frozen=True)
class Asked:
    """A request before it has a key: where it goes, its body, the loans it concerns."""

    path: str
    body: Body
    loan: Loan
    loan_ids: tuple[str, ...]


@dataclass(frozen=True)
class Kind:
    """One kind of event: how often, what is asked, and what is remembered of the answer."""

    name: str
    path: str
    weight: int
    ask: Callable[[Portfolio, Loan], Body | None]
    learn: Callable[[Portfolio, Loan, Body, Body], None]
    needs_open_loan: bool = True


def money(portfolio: Portfolio, loan: Loan, most: int, **more: Any) -> Body:
    """The body of an event that moves an amount of a loan."""
    moved = {"amount_minor": portfolio.amount(most), "currency": "USD"}
    return {"loan_id": loan.loan_id, **moved, "effective_at": portfolio.today, **more}


def disburse(portfolio: Portfolio, loan: Loan) -> Body | None:
    if loan.is_open and portfolio.chance.random() < 0.8:
        return None  # few draw again, so that most are settled and may be refinanced
    more = {"borrower_id": loan.borrower_id, "method": "ach", "effective_at": OPENED_ON}
    return {**money(portfolio, loan, PRINCIPAL_MINOR), **more}


def pay(portfolio: Portfolio, loan: Loan) -> Body:
    most = 2 * PRINCIPAL_MINOR if portfolio.chance.random() < 0.02 else 500_00
    allocation = "hold" if portfolio.chance.random() < 0.05 else "auto"
    more = {"borrower_id": loan.borrower_id, "source_method": "ach", "allocation": allocation}
    return money(portfolio, loan, most, **more)


def reverse(portfolio: Portfolio, loan: Loan) -> Body | None:
    if not loan.entries:
        return None
    return {
        "reverses_entry_id": portfolio.chance.choice(loan.entries),
        "reason_code": "error_correction",
        "reason_description": "the campaign",
        "effective_at": portfolio.today,
    }


def accrue(portfolio: Portfolio, _loan: Loan) -> Body:
    portfolio.accruals += 1
    shares = [
        {
            "loan_id": loan.loan_id,
            "outstanding_principal_minor": "0",
            "interest_minor": str(portfolio.chance.randint(0, 500)),
        }
        for loan in portfolio.loans
        if loan.is_open
    ]
    return {
        "program_id": portfolio.new_id(),
        "accrual_date": str(FIRST_ACCRUAL_ON + timedelta(days=portfolio.accruals % 300)),
        "day_count_convention": "ACT_365",
        "currency": "USD",
        "loans": shares,
    }


def settle(portfolio: Portfolio, loan: Loan) -> Body | None:
    if not loan.disbursements:
        return None
    return {"disbursement_event_id": loan.disbursements[0], "effective_at": portfolio.today}


def give_back(portfolio: Portfolio, loan: Loan) -> Body | None:
    if not loan.payments:
        return None
    named = portfolio.chance.choice(loan.payments)
    return {"payment_event_id": named, "return_code": "R01", "effective_at": portfolio.today}


def charge_off(portfolio: Portfolio, loan: Loan) -> Body:
    day = portfolio.today
    return {"loan_id": loan.loan_id, "reason_code": "delinquency", "effective_at": day}


def recover(portfolio: Portfolio, loan: Loan) -> Body | None:
    return money(portfolio, loan, 900, source_method="ach") if loan.is_charged_off else None


def restructure(portfolio: Portfolio, loan: Loan) -> Body:
    parts = {"capitalize_interest_minor": portfolio.amount(50), "capitalize_fees_minor": "0"}
    return {"loan_id": loan.loan_id, "effective_at": portfolio.today, **parts}


def refinance(portfolio: Portfolio, loan: Loan) -> Body:
    return {
        "loan_id": loan.loan_id,
        "new_loan_id": portfolio.new_id(),
        "additional_principal_minor": portfolio.amount(5000),
        "currency": "USD",
        "effective_at": portfolio.today,
    }


def adjust(portfolio: Portfolio, loan: Loan) -> Body:
    amount = portfolio.amount(300)
    sides = (("1300", "DR"), ("4100", "CR"))
    lines = [
        {
            "account_code": account,
            "direction": direction,
            "amount_minor": amount,
            "currency": "USD",
            "layer": "SETTLED",
        }
        for account, direction in sides
    ]
    told = {"reason_code": "correction", "description": "the campaign"}
    return {"loan_id": loan.loan_id, "lines": lines, "effective_at": portfolio.today, **told}


def close(portfolio: Portfolio, _loan: Loan) -> Body:
    portfolio.closes += 1
    return {}


def learn_entry(_portfolio: Portfolio, loan: Loan, _body: Body, result: Body) -> None:
    if result.get("journal_entry_id"):
        loan.entries = [*loan.entries[-20:], result["journal_entry_id"]]


def learn_accrual(portfolio: Portfolio, loan: Loan, body: Body, result: Body) -> None:
    if entry_id := result["journal_entry_id"]:
        named = tuple(share["loan_id"] for share in body["loans"])
        portfolio.concerned = {**dict([*portfolio.concerned.items()][-50:]), entry_id: named}
        learn_entry(portfolio, loan, body, result)


def learn_disbursement(portfolio: Portfolio, loan: Loan, body: Body, result: Body) -> None:
    loan.is_open = True
    loan.disbursements.append(result["disbursement_event_id"])
    learn_entry(portfolio, loan, body, result)


def learn_settlement(portfolio: Portfolio, loan: Loan, body: Body, result: Body) -> None:
    loan.disbursements.remove(body["disbursement_event_id"])
    learn_entry(portfolio, loan, body, result)


def learn_payment(portfolio: Portfolio, loan: Loan, body: Body, result: Body) -> None:
    loan.payments = [*loan.payments[-10:], result["payment_event_id"]]
    learn_entry(portfolio, loan, body, result)


def learn_reversal(_portfolio: Portfolio, loan: Loan, body: Body, _result: Body) -> None:
    # One of them is kept in sight, so that some are reversed twice.
    if body["reverses_entry_id"] in loan.entries[:-1]:
        loan.entries.remove(body["reverses_entry_id"])


def learn_charge_off(_portfolio: Portfolio, loan: Loan, _body: Body, _result: Body) -> None:
    loan.is_over, loan.is_charged_off = loan.is_charged_off, True


def learn_refinance(portfolio: Portfolio, loan: Loan, body: Body, result: Body) -> None:
    loan.is_over = True
    made = Loan(body["new_loan_id"], loan.borrower_id, is_open=True)
    if "disbursement_event_id" in result:
        made.disbursements.append(result["disbursement_event_id"])
    portfolio.loans.append(made)
    portfolio.concerned[result["journal_entry_id"]] = (loan.loan_id, made.loan_id)
    learn_entry(portfolio, made, body, result)


def learn_nothing(_portfolio: Portfolio, _loan: Loan, _body: Body, _result: Body) -> None:
    pass


KINDS: Final = (
    Kind("disbursement", "/v1/disbursements", 12, disburse, learn_disbursement, False),
    Kind("settlement", "/v1/disbursement-settlements", 6, settle, learn_settlement),
    Kind("payment", "/v1/payments", 50, pay, learn_payment),
    Kind(
        "allocation",
        "/v1/payment-allocations",
        5,
        lambda portfolio, loan: money(portfolio, loan, 500_00),
        learn_entry,
    ),
    Kind("return", "/v1/payment-returns", 3, give_back, learn_nothing),
    Kind("accrual", "/v1/accruals/batch", 2, accrue, learn_accrual),
    Kind(
        "fee",
        "/v1/fees",
        6,
        lambda portfolio, loan: money(portfolio, loan, 50_00, fee_type="late"),
        learn_entry,
    ),
    Kind(
        "waiver",
        "/v1/fee-waivers",
        3,
        lambda portfolio, loan: money(portfolio, loan, 10_00, reason_code="goodwill"),
        learn_entry,
    ),
    Kind("charge-off", "/v1/charge-offs", 1, charge_off, learn_charge_off),
    Kind("recovery", "/v1/recoveries", 4, recover, learn_entry),
    Kind("restructure", "/v1/restructures", 2, restructure, learn_entry),
    Kind("refinance", "/v1/refinances", 2, refinance, learn_refinance),
    Kind("adjustment", "/v1/manual-adjustments", 3, adjust, learn_entry),
    Kind("reversal", "/v1/reversals", 6, reverse, learn_reversal),
    Kind("close", "/v1/periods/{period}/close", 1, close, learn_nothing, False),
)


def ask(portfolio: Portfolio, kinds: tuple[Kind, ...], busy: set[str]) -> tuple[Kind, Asked]:
    """The next request of a client, of loans none of which is busy."""
    while True:
        loan = portfolio.pick(busy)
        fitting = [kind for kind in kinds if loan.is_open or not kind.needs_open_loan]
        kind = portfolio.chance.choices(fitting, [one.weight for one in fitting])[0]
        if (body := kind.ask(portfolio, loan)) is None:
            continue
        loan_ids = _concerned(portfolio, loan, body)
        if not busy.intersection(loan_ids):
            path = kind.path.format(period=_month(portfolio.closes))
            return kind, Asked(path, body, loan, loan_ids)


def _concerned(portfolio: Portfolio, loan: Loan, body: Body) -> tuple[str, ...]:
    if not body:
        return ()  # a month's close
    if "loans" in body:
        return tuple(share["loan_id"] for share in body["loans"])
    return portfolio.concerned.get(body.get("reverses_entry_id", ""), (loan.loan_id,))


def _month(number: int) -> str:
    """Months since the middle of 2025; those that have not ended are refused."""
    return f"{2025 + (5 + number) // 12}-{(5 + number) % 12 + 1:02}"
