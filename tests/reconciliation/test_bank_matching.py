"""Which line of a statement is which entry, as an accountant would tick them off."""

from datetime import date
from random import Random
from time import process_time
from uuid import UUID

import pytest

from reconciliation.bank import Days, Movement, covered, differences, match, spans_of

JANUARY = Days(account="one", currency="USD", first_on=date(2026, 1, 1), last_on=date(2026, 1, 31))


def moved(
    number: int, day: int, amount_minor: int, reference: str | None = None, *, direction: str = "in"
) -> Movement:
    return Movement(
        place=(UUID(int=number), number),
        moved_on=date(2026, 1, day),
        direction=direction,
        amount_minor=amount_minor,
        currency="USD",
        reference=reference,
        account="one",
    )


def ticked(lines: list[Movement], entries: list[Movement]) -> set[tuple[object, object, str]]:
    return {(one.line.place[1], one.entry.place[1], one.by) for one in match(lines, entries)}


def test_by_reference_the_nearest_date_is_taken_and_none_twice() -> None:
    lines = [moved(1, 10, 500, "A"), moved(2, 12, 500, "A"), moved(3, 12, 500, "A")]
    entries = [moved(11, 12, 500, "A"), moved(12, 9, 500, "A")]
    assert ticked(lines, entries) == {(1, 12, "reference"), (2, 11, "reference")}


def test_amount_direction_and_days_must_agree_even_with_the_reference() -> None:
    entries = [moved(11, 10, 500, "A")]
    assert ticked([moved(1, 10, 501, "A")], entries) == set()
    assert ticked([moved(1, 10, 500, "A", direction="out")], entries) == set()
    assert ticked([moved(1, 18, 500, "A")], entries) == set()


def test_without_reference_only_what_has_no_other_choice_is_taken() -> None:
    assert ticked([moved(1, 10, 500)], [moved(11, 12, 500, "A")]) == {(1, 11, "amount_and_date")}
    assert ticked([moved(1, 10, 500)], [moved(11, 12, 500), moved(12, 9, 500)]) == set()
    assert ticked([moved(1, 10, 500), moved(2, 11, 500)], [moved(11, 12, 500)]) == set()
    assert ticked([moved(1, 10, 500, "B")], [moved(11, 12, 500, "A")]) == set()


def test_a_difference_is_what_the_bank_moved_and_the_books_did_not() -> None:
    entries = [moved(11, 30, 300), moved(12, 5, 40, direction="out")]
    [found] = differences([JANUARY], [moved(1, 10, 500)], entries)
    assert found.difference_minor == 500 - (300 - 40)
    assert (found.unmatched_line_count, found.unmatched_entry_count) == (1, 2)


def test_with_two_accounts_of_a_currency_entries_count_for_neither() -> None:
    other = Days(account="two", currency="USD", first_on=date(2026, 1, 1), last_on=date(2026, 1, 2))
    found = differences([JANUARY, other], [moved(1, 10, 500)], [moved(11, 30, 300)])
    assert [(one.account, one.difference_minor) for one in found] == [("one", 500), ("two", 0)]


def test_only_days_of_statements_count() -> None:
    first_of_february = Movement(
        place=(12,),
        moved_on=date(2026, 2, 1),
        direction="in",
        amount_minor=1,
        currency="USD",
        reference=None,
    )
    assert covered([JANUARY], [moved(11, 31, 1), first_of_february]) == [moved(11, 31, 1)]


def test_days_of_a_currency_that_lie_side_by_side_are_one_span() -> None:
    def days(first: int, last: int, *, account: str = "one", currency: str = "USD") -> Days:
        first_on, last_on = date(2026, 1, first), date(2026, 1, last)
        return Days(account=account, currency=currency, first_on=first_on, last_on=last_on)

    several = [days(5, 9), days(1, 2), days(3, 4, account="two"), days(6, 7), days(11, 12)]
    assert spans_of([*several, days(1, 1, currency="EUR")]) == [
        days(1, 1, account="", currency="EUR"),
        days(1, 9, account=""),
        days(11, 12, account=""),
    ]


def by_the_letter(lines: list[Movement], entries: list[Movement]) -> set[tuple[object, object]]:
    """Who has one choice alone, on both sides: every pair looked at."""

    def may_be(line: Movement, entry: Movement) -> bool:
        days = abs((line.moved_on - entry.moved_on).days)
        return line.kind == entry.kind and days <= 7 and None in (line.reference, entry.reference)

    return {
        (line.place[1], entry.place[1])
        for line in lines
        for entry in entries
        if may_be(line, entry)
        and [other for other in entries if may_be(line, other)] == [entry]
        and [other for other in lines if may_be(other, entry)] == [line]
    }


@pytest.mark.parametrize("seed", range(200))
def test_a_single_choice_is_what_looking_at_every_pair_finds(seed: int) -> None:
    chance = Random(seed)

    def some(first: int, words: tuple[str | None, ...]) -> list[Movement]:
        return [
            moved(first + n, chance.randint(1, 31), chance.choice((5, 6)), chance.choice(words))
            for n in range(chance.randint(0, 6))
        ]

    lines, entries = some(1, (None, "bank")), some(101, (None, "books"))
    assert {pair[:2] for pair in ticked(lines, entries)} == by_the_letter(lines, entries)


@pytest.mark.parametrize("references", [(None, "A"), ("A", "A"), (None, None)])
def test_thirty_thousand_payments_of_one_amount_do_not_hold_the_witness_up(
    references: tuple[str | None, str | None],
) -> None:
    of_line, of_entry = references
    lines = [moved(n, 1 + n % 28, 500, of_line) for n in range(30_000)]
    entries = [moved(n, 1 + n % 28, 500, of_entry) for n in range(30_000)]
    begun_at = process_time()
    found = match(lines, entries)
    assert process_time() - begun_at < 10
    assert len(found) == (30_000 if of_line else 0)
