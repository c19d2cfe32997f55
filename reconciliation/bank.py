"""What banks say moved against account 1000: which line is which, and what is left. Pure.

    reference         same reference, amount, direction and currency; the nearest date, at most
                      `WITHIN_DAYS` away
    amount_and_date   for what has no reference on one side: same amount, direction and currency,
                      and neither side has another choice

What one side has and the other does not is listed, never guessed at.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from uuid import UUID

WITHIN_DAYS: Final = 7
"""How far a bank's date may lie from the entry's: weekends and holidays lie between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """Money in or out, as either side has it. `place` names it there; for a bank's line `account`
    is the bank account.
    """

    place: tuple[UUID | int, ...]
    moved_on: date
    direction: str
    amount_minor: int
    currency: str
    reference: str | None
    account: str = ""

    @property
    def signed_minor(self) -> int:
        """Above zero where money came in."""
        return self.amount_minor if self.direction == "in" else -self.amount_minor

    @property
    def kind(self) -> tuple[str, str, int]:
        """What must be equal on both sides."""
        return (self.currency, self.direction, self.amount_minor)


@dataclass(frozen=True, slots=True)
class Match:
    """A bank's line is an entry's line."""

    line: Movement
    entry: Movement
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a bank account moved by more than the books say."""

    account: str
    currency: str
    difference_minor: int
    unmatched_line_count: int
    unmatched_entry_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """Days that a statement of a bank account covers, both inclusive."""

    account: str
    currency: str
    first_on: date
    last_on: date

    def cover(self, entry: Movement) -> bool:
        """Whether an entry should be on it."""
        is_within = self.first_on <= entry.moved_on <= self.last_on
        return entry.currency == self.currency and is_within


def match(lines: Sequence[Movement], entries: Sequence[Movement]) -> list[Match]:
    """Pair what is the same. Neither a line nor an entry is in two pairs."""
    found = list(_by_reference(lines, entries))
    paired = {one.line for one in found} | {one.entry for one in found}
    return found + list(
        _by_amount_and_date(
            [line for line in lines if line not in paired],
            [entry for entry in entries if entry not in paired],
        )
    )


def differences(
    days: Sequence[Days], lines: Iterable[Movement], entries: Iterable[Movement]
) -> list[Difference]:
    """Of each bank account and currency, from what was left unmatched.

    An entry does not say which bank account it moved: where a currency has several, entries that
    are left count for none of them, and are only listed.
    """
    left_lines, left_entries = list(lines), list(entries)
    accounts = sorted({(one.account, one.currency) for one in days})
    found = []
    for account, currency in accounts:
        of_account = [
            line for line in left_lines if (line.account, line.currency) == (account, currency)
        ]
        is_only = sum(1 for _, other in accounts if other == currency) == 1
        of_books = [entry for entry in left_entries if is_only and entry.currency == currency]
        found.append(
            Difference(
                account=account,
                currency=currency,
                difference_minor=sum(line.signed_minor for line in of_account)
                - sum(entry.signed_minor for entry in of_books),
                unmatched_line_count=len(of_account),
                unmatched_entry_count=len(of_books),
            )
        )
    return found


def covered(days: Sequence[Days], entries: Iterable[Movement]) -> list[Movement]:
    """Entries of days that some statement covers."""
    spans = spans_of(days)
    return [entry for entry in entries if any(one.cover(entry) for one in spans)]


def spans_of(days: Iterable[Days]) -> list[Days]:
    """The days of each currency, of whatever account: those that lie side by side are one."""
    found: list[Days] = []
    for one in sorted(days, key=lambda one: (one.currency, one.first_on)):
        last = found[-1] if found else None
        if (
            last is not None
            and last.currency == one.currency
            and one.first_on.toordinal() <= last.last_on.toordinal() + 1
        ):
            found[-1] = replace(last, last_on=max(last.last_on, one.last_on))
        else:
            found.append(replace(one, account=""))
    return found


def _by_reference(lines: Sequence[Movement], entries: Sequence[Movement]) -> Iterator[Match]:
    waiting = defaultdict[tuple[object, ...], list[Movement]](list)
    for entry in sorted(entries, key=_day):
        if entry.reference is not None:
            waiting[entry.kind, entry.reference].append(entry)
    for line in sorted(lines, key=_day):
        others = waiting.get((line.kind, line.reference), [])
        after = bisect_left(others, _day(line), key=_day)
        near = [
            (abs(_day(others[place]) - _day(line)), place)
            for place in (after - 1, after)
            if 0 <= place < len(others)
        ]
        if near and min(near)[0] <= WITHIN_DAYS:
            yield Match(line, others.pop(min(near)[1]), "reference")


def _by_amount_and_date(lines: Sequence[Movement], entries: Sequence[Movement]) -> Iterator[Match]:
    lines_by_day, entries_by_day = _by_day(lines), _by_day(entries)
    for line in lines:
        entry = _only_choice(line, entries_by_day)
        if entry is not None and _only_choice(entry, lines_by_day) is not None:
            yield Match(line, entry, "amount_and_date")


_ByDay = dict[tuple[object, bool], list[Movement]]
"""Kind, and whether only those without a reference -> movements in the order of their days."""


def _by_day(movements: Iterable[Movement]) -> _ByDay:
    found: _ByDay = defaultdict(list)
    for one in sorted(movements, key=_day):
        found[one.kind, False].append(one)
        if one.reference is None:
            found[one.kind, True].append(one)
    return found


def _only_choice(one: Movement, others: _ByDay) -> Movement | None:
    """What it may be on the other side, where that is a single one. Found by halving: a lender has
    a great many payments of one amount, and all tenants wait for this one.
    """
    choices = others.get((one.kind, one.reference is not None), [])
    first = bisect_left(choices, _day(one) - WITHIN_DAYS, key=_day)
    end = bisect_right(choices, _day(one) + WITHIN_DAYS, lo=first, key=_day)
    return choices[first] if end - first == 1 else None


def _day(one: Movement) -> int:
    return one.moved_on.toordinal()
