"""An entry that is none cannot be built: unbalanced, of one line, of an impossible line."""

from dataclasses import replace

import pytest

from posting_engine.posting.journal import BrokenInvariant, Entry, Line
from tests.journal import Balances, entry_of, loan, payment
from tests.posting.books import Books


def sound() -> Entry:
    """A payment of 1.00: a debit of cash, a credit of principal."""
    return entry_of(Books(loan(Balances(principal=1_000_00))).post(payment(1_00)))


def with_lines(*lines: Line) -> Entry:
    return replace(sound(), lines=lines)


def test_a_sound_entry_is_built_again_as_it_is() -> None:
    assert with_lines(*sound().lines) == sound()


def test_an_entry_that_does_not_balance_is_none() -> None:
    debit, credit = sound().lines
    for spoilt in (
        replace(debit, amount_minor=1_01),
        replace(debit, direction="CR"),
        replace(debit, currency="EUR"),
        replace(debit, layer="PENDING"),
    ):
        with pytest.raises(BrokenInvariant, match="does not balance"):
            with_lines(spoilt, credit)
    with pytest.raises(BrokenInvariant, match="does not balance"):
        with_lines(debit, credit, credit)


def test_currencies_and_layers_balance_each_by_itself() -> None:
    debit, credit = sound().lines
    abroad = [replace(line, currency="EUR", amount_minor=5) for line in (debit, credit)]
    pending = [replace(line, layer="PENDING", amount_minor=7) for line in (debit, credit)]
    assert len(with_lines(debit, credit, *abroad, *pending).lines) == 6
    with pytest.raises(BrokenInvariant, match="does not balance"):
        with_lines(debit, replace(credit, currency="EUR"), abroad[0], replace(abroad[1]))


def test_one_line_or_none_is_no_entry() -> None:
    debit, _ = sound().lines
    for lines in ((), (debit,)):
        with pytest.raises(BrokenInvariant, match="fewer than two lines"):
            with_lines(*lines)


def test_a_line_of_nothing_less_or_an_unknown_account_is_impossible() -> None:
    debit, credit = sound().lines
    for amount_minor in (0, -1_00):
        with pytest.raises(BrokenInvariant, match="impossible line"):
            with_lines(*(replace(line, amount_minor=amount_minor) for line in (debit, credit)))
    with pytest.raises(BrokenInvariant, match="impossible line"):
        with_lines(replace(debit, account_code="9999"), credit)
