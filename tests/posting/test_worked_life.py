"""The worked life of one loan, line by line: the table of the specification, and its trial balance.

1,000.00 lent and settled, 8.22 accrued, a late fee, a payment, the accrual reversed after it was
paid, what that left in suspense applied, and the rest paid with 8.22 too much.
"""

from collections import Counter
from collections.abc import Callable

from posting_engine.posting.page import Posting
from schemas.chart_of_accounts import (
    CASH,
    DISBURSEMENT_CLEARING,
    FEE_INCOME,
    FEES_RECEIVABLE,
    INTEREST_INCOME,
    INTEREST_RECEIVABLE,
    PRINCIPAL_RECEIVABLE,
    SUSPENSE,
)
from schemas.commands import AnyCommand
from tests.journal import (
    CR,
    DR,
    LOAN,
    Balances,
    Leg,
    accrual,
    allocation,
    disbursement,
    fee,
    journal_of,
    payment,
    reversal,
    settlement,
    waiver,
)
from tests.posting.books import Books

TRIAL_BALANCE = {
    "1000": (1_013_22, 1_000_00),
    "1100": (1_000_00, 1_000_00),
    "1200": (16_44, 16_44),
    "1300": (5_00, 5_00),
    "2000": (1_000_00, 1_000_00),
    "2100": (8_22, 16_44),
    "4000": (8_22, 8_22),
    "4100": (0, 5_00),
}


Event = Callable[[dict[str, Posting]], AnyCommand]

LIFE: list[tuple[str, Event, list[Leg] | str, Balances]] = [
    (
        "lent",
        lambda _: disbursement(1_000_00, on="2026-01-05"),
        [DR(PRINCIPAL_RECEIVABLE, 1_000_00), CR(DISBURSEMENT_CLEARING, 1_000_00)],
        Balances(principal=1_000_00, unsettled=1_000_00),
    ),
    (
        "settled",
        lambda done: settlement(done["lent"], on="2026-01-06"),
        [DR(DISBURSEMENT_CLEARING, 1_000_00), CR(CASH, 1_000_00)],
        Balances(principal=1_000_00),
    ),
    (
        "accrued",
        lambda _: accrual(8_22, on="2026-01-31"),
        [DR(INTEREST_RECEIVABLE, 8_22), CR(INTEREST_INCOME, 8_22)],
        Balances(principal=1_000_00, interest=8_22),
    ),
    (
        "late fee",
        lambda _: fee(5_00, on="2026-02-01"),
        [DR(FEES_RECEIVABLE, 5_00), CR(FEE_INCOME, 5_00)],
        Balances(principal=1_000_00, interest=8_22, fees=5_00),
    ),
    (
        "paid",
        lambda _: payment(113_22, on="2026-02-02"),
        [
            DR(CASH, 113_22),
            CR(FEES_RECEIVABLE, 5_00),
            CR(INTEREST_RECEIVABLE, 8_22),
            CR(PRINCIPAL_RECEIVABLE, 100_00),
        ],
        Balances(principal=900_00),
    ),
    (
        "waive? nothing owed",
        lambda _: waiver(1, on="2026-02-03"),
        "amount_exceeds_receivable",
        Balances(principal=900_00),
    ),
    (
        "accrual reversed",
        lambda done: reversal(done["accrued"], on="2026-02-04", loan_id=LOAN),
        [
            DR(INTEREST_INCOME, 8_22),
            CR(INTEREST_RECEIVABLE, 8_22),
            DR(INTEREST_RECEIVABLE, 8_22),
            CR(SUSPENSE, 8_22),
        ],
        Balances(principal=900_00, suspense=8_22),
    ),
    (
        "allocated",
        lambda _: allocation(8_22, on="2026-02-05"),
        [DR(SUSPENSE, 8_22), CR(PRINCIPAL_RECEIVABLE, 8_22)],
        Balances(principal=891_78),
    ),
    (
        "paid the rest",
        lambda _: payment(900_00, on="2026-02-06"),
        [DR(CASH, 900_00), CR(PRINCIPAL_RECEIVABLE, 891_78), CR(SUSPENSE, 8_22)],
        Balances(suspense=8_22),
    ),
]
"""What happens, by which event, its journal or its refusal, and P I F S U after it."""


def test_a_life_of_one_loan() -> None:
    books = Books()
    done: dict[str, Posting] = {}
    for name, event, expected, after in LIFE:
        if isinstance(expected, str):
            assert books.refuse(event(done)).code == expected, name
        else:
            done[name] = books.post(event(done))
            assert journal_of(done[name]) == expected, name
        assert books.balances() == after, name
    assert books.loan().status == "paid_off"
    assert trial_balance(books) == TRIAL_BALANCE
    assert [sum(side) for side in zip(*TRIAL_BALANCE.values(), strict=True)] == [3_051_10] * 2


def trial_balance(books: Books) -> dict[str, tuple[int, int]]:
    """Account -> (debits, credits), of every line in the journal."""
    debited: Counter[str] = Counter()
    credited: Counter[str] = Counter()
    for posted in books.journal:
        for line in posted.entry.lines:
            side = debited if line.direction == "DR" else credited
            side[line.account_code] += line.amount_minor
    return {code: (debited[code], credited[code]) for code in sorted(debited | credited)}
