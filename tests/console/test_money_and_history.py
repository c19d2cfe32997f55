"""Amounts as people read them, and a loan's journal as bookkeeping. Pure."""

from pathlib import Path
from typing import Any

import pytest

from console import history, money
from console.fragments import Column, identifier, link, table, tag
from console.history import Applied, Balance

CONSOLE = Path(history.__file__).parent
NASTY = "<img src=x onerror=alert(1)>\"'&"


@pytest.mark.parametrize(
    ("amount_minor", "currency", "shown"),
    [
        ("100000", "USD", "1,000.00"),
        ("5", "USD", "0.05"),
        ("0", "EUR", "0.00"),
        ("-822", "USD", "−8.22"),
        ("1234567", "JPY", "1,234,567"),
        ("0", "JPY", "0"),
        ("1234567", "BHD", "1,234.567"),
        ("-5", "BHD", "−0.005"),
        ("999999999999999", "USD", "9,999,999,999,999.99"),
    ],
)
def test_an_amount_has_as_many_decimals_as_its_currency(
    amount_minor: str, currency: str, shown: str
) -> None:
    assert money.shown(amount_minor, currency) == shown
    assert money.shown(int(amount_minor), currency) == shown


def entry(
    event_type: str, effective_at: str, posted_at: str, *lines: tuple[str, str, int]
) -> dict[str, Any]:
    """An entry of the API with what the arithmetic reads; a line is (account, side, amount)."""
    return {
        "event_type": event_type,
        "effective_at": effective_at,
        "posted_at": posted_at,
        "lines": [
            {
                "account_code": account,
                "direction": side,
                "amount_minor": str(amount_minor),
                "layer": "SETTLED",
            }
            for account, side, amount_minor in lines
        ],
    }


LENT = entry("disbursement", "2026-01-05", "T1", ("1100", "DR", 1000_00), ("2000", "CR", 1000_00))
ACCRUED = entry("accrual", "2026-01-31", "T2", ("1200", "DR", 8_22))
CHARGED = entry("fee_assessed", "2026-02-01", "T3", ("1300", "DR", 5_00), ("4100", "CR", 5_00))
PAID = entry(
    "payment_received",
    "2026-02-02",
    "T4",
    *(("1000", "DR", 1113_22), ("1300", "CR", 5_00), ("1200", "CR", 8_22)),
    *(("1100", "CR", 1000_00), ("2100", "CR", 100_00)),
)
ALLOCATED = entry(
    "payment_allocated", "2026-02-04", "T6", ("2100", "DR", 8_00), ("1200", "CR", 8_00)
)
BACKDATED = entry("accrual", "2026-01-15", "T5", ("1200", "DR", 10_00))
LIFE = [LENT, ACCRUED, CHARGED, PAID, BACKDATED, ALLOCATED]


def test_balances_run_in_the_order_asked_for() -> None:
    posted = [step.after for step in history.running(LIFE)]
    assert posted[3] == Balance(suspense_minor=100_00)
    assert posted[-1] == Balance(interest_minor=2_00, suspense_minor=92_00)
    effective = history.running(history.by_effect(LIFE))
    assert [step.entry for step in effective] == [
        LENT,
        BACKDATED,
        ACCRUED,
        CHARGED,
        PAID,
        ALLOCATED,
    ]
    assert effective[2].after == Balance(interest_minor=18_22, principal_minor=1000_00)
    assert effective[2].after.exposure_minor == 1018_22
    assert effective[-1].after == posted[-1]


def test_only_what_was_known_by_then_of_what_counts_by_then_is_believed() -> None:
    assert history.believed(LIFE, as_of="2026-01-31", known_at=None) == [LENT, ACCRUED, BACKDATED]
    assert history.believed(LIFE, as_of="2026-01-31", known_at="T4") == [LENT, ACCRUED]
    assert history.believed(LIFE, as_of=None, known_at=None) == LIFE


def test_a_waterfall_says_what_was_owed_what_went_there_and_what_was_left() -> None:
    steps = history.running(LIFE)
    assert history.waterfall(steps[3]) == [
        Applied("fees", owed_minor=5_00, applied_minor=5_00, left_minor=1108_22),
        Applied("interest", owed_minor=8_22, applied_minor=8_22, left_minor=1100_00),
        Applied("principal", owed_minor=1000_00, applied_minor=1000_00, left_minor=100_00),
        Applied("suspense", owed_minor=0, applied_minor=100_00, left_minor=0),
    ]
    applied = history.waterfall(steps[5])
    assert [part.applied_minor for part in applied] == [0, 8_00, 0, 0]
    assert [part.left_minor for part in applied] == [8_00, 0, 0, 0]
    assert history.waterfall(steps[0]) == []


def test_t_accounts_have_every_line_on_its_side() -> None:
    accounts = {one.code: one for one in history.t_accounts(LIFE)}
    assert list(accounts) == ["1000", "1100", "1200", "1300", "2000", "2100", "4100"]
    interest = accounts["1200"]
    assert (interest.debit_minor, interest.credit_minor) == (18_22, 16_22)
    assert interest.debits[0] == ("2026-01-31", "accrual", 8_22)


def test_markup_is_made_in_one_module_alone() -> None:
    makers = [path.name for path in CONSOLE.rglob("*.py") if "Markup(" in path.read_text()]
    assert makers == ["fragments.py"]


def test_nothing_that_is_shown_can_become_markup() -> None:
    for made in (
        tag("p", NASTY, title=NASTY),
        link(NASTY, f"/journal?external_ref={NASTY}"),
        identifier(NASTY, NASTY),
        table([Column(NASTY)], [[NASTY]], empty=NASTY, label=NASTY),
        table([Column("x")], [], empty=NASTY, label=NASTY),
    ):
        assert "<img" not in made
        assert NASTY not in made
        assert made.count("&lt;img") >= 1 or "…" in made
