"""The first line of a batch: its terms and its manifest, checked as the HTTP route checks them.

Pure. A fault is noted, not raised, so that one run of a job tells all of them.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from hpts_client.chunks import DAY_COUNT_CONVENTIONS, MOST_TOTAL_MINOR, ROUTE, Terms
from schemas.currencies import is_currency
from schemas.fingerprints import fingerprint
from schemas.money import MalformedAmount, parse_minor
from schemas.problems import ProblemError
from schemas.strict_json import parse

MOST_DAYS_AHEAD: Final = 31
_MOST_COUNT: Final = 2**53 - 1
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MEMBERS: Final = (
    *("program_id", "accrual_date", "day_count_convention", "currency", "expected_loan_count"),
    *("expected_total_minor", "require_principal_match", "backfill"),
)

Note = Callable[[str, str, str], None]
"""Told a JSON pointer, a code and a message."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a batch: the line (0: the whole of it), the member (a JSON pointer), a
    code, and in words.
    """

    line: int
    where: str
    code: str
    message: str

    def __str__(self) -> str:
        place = f"line {self.line}" if self.line else "the batch"
        member = f", {self.where}" if self.where else ""
        return f"{place}{member}: {self.message} ({self.code})"


@dataclass(frozen=True, slots=True)
class Header:
    """Checked terms; `given` are the members that were given, as the fingerprint covers them."""

    terms: Terms
    expected_loan_count: int | None
    expected_total_minor: int | None
    given: Mapping[str, Any]

    def fingerprint(self, listed_digest: str) -> bytes:
        """What this batch means, with the digest of its loans in the order listed."""
        return fingerprint(ROUTE, {**self.given, "loans": listed_digest})


def read_header(line: bytes, accepted_on: date) -> tuple[Header | None, list[Fault]]:
    """The first line; None where it has faults."""
    faults: list[Fault] = []

    def note(where: str, code: str, message: str) -> None:
        faults.append(Fault(1, where, code, message))

    try:
        value = parse(line).value
    except ProblemError as error:
        note("", error.problem.code, str(error.problem.detail or "The line is not JSON."))
        return None, faults
    if not isinstance(value, dict):
        note("", "invalid_type", "must be an object: the batch without its loans")
        return None, faults
    header = _header(value, accepted_on, note)
    return (None if faults else header), faults


def identifier_of(members: Mapping[str, Any], name: str, note: Note) -> UUID | None:
    """A UUID, in any case; None where a fault was noted."""
    text = _text_of(members, name, note)
    if text is None:
        return None
    if _UUID.fullmatch(text) is None:
        note(f"/{name}", "invalid_format", "must be a UUID")
        return None
    return UUID(text)


def amount_of(members: Mapping[str, Any], name: str, note: Note, *, most_minor: int) -> int | None:
    """An amount in minor units, zero included; None where a fault was noted."""
    text = _text_of(members, name, note)
    if text is None:
        return None
    try:
        amount_minor = parse_minor(text)
    except MalformedAmount as malformed:
        note(f"/{name}", "invalid_format", str(malformed))
        return None
    if amount_minor > most_minor:
        note(f"/{name}", "amount_out_of_range", f"must be at most {most_minor}")
        return None
    return amount_minor


def unknown_in(members: Mapping[str, Any], known: Collection[str]) -> list[str]:
    """The names that are none of these."""
    return [name for name in members if name not in known]


def _header(members: dict[str, Any], accepted_on: date, note: Note) -> Header | None:
    for name in unknown_in(members, _MEMBERS):
        code, why = "unknown_field", "is not a known member"
        if name == "loans":
            why = "is not for this format: the loans follow, one a line"
        note(f"/{name}", code, why)
    program_id = identifier_of(members, "program_id", note)
    accrued_on = _day_of(members, accepted_on, note)
    convention = _one_of(members, "day_count_convention", DAY_COUNT_CONVENTIONS, note)
    currency = _text_of(members, "currency", note)
    if currency is not None and not is_currency(currency):
        note("/currency", "currency_unknown", "must be an ISO 4217 alphabetic code")
    given: dict[str, Any] = {
        "program_id": program_id,
        "accrual_date": accrued_on,
        "day_count_convention": convention,
        "currency": currency,
    }
    given |= _manifest(members, note) | _flags(members, note)
    if program_id is None or accrued_on is None or convention is None or currency is None:
        return None
    terms = Terms(
        program_id=program_id,
        accrued_on=accrued_on,
        day_count_convention=convention,
        currency=currency,
        require_principal_match=given.get("require_principal_match", False),
        backfill=given.get("backfill", False),
    )
    count, total_minor = given.get("expected_loan_count"), given.get("expected_total_minor")
    return Header(terms, count, total_minor, given)


def _manifest(members: Mapping[str, Any], note: Note) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "expected_loan_count" in members:
        count = members["expected_loan_count"]
        if isinstance(count, bool) or not isinstance(count, int):
            note("/expected_loan_count", "invalid_type", "must be an integer")
        elif not 0 <= count <= _MOST_COUNT:
            note("/expected_loan_count", "out_of_range", "must be a count")
        found["expected_loan_count"] = count
    name = "expected_total_minor"
    if name in members:
        found[name] = amount_of(members, name, note, most_minor=MOST_TOTAL_MINOR)
    return found


def _flags(members: Mapping[str, Any], note: Note) -> dict[str, Any]:
    found = {}
    for name in ("require_principal_match", "backfill"):
        if name in members:
            if not isinstance(members[name], bool):
                note(f"/{name}", "invalid_type", "must be true or false")
            found[name] = members[name]
    return found


def _text_of(members: Mapping[str, Any], name: str, note: Note) -> str | None:
    if name not in members:
        note(f"/{name}", "required", "is required")
        return None
    text = members[name]
    if not isinstance(text, str):
        note(f"/{name}", "invalid_type", "must be a string")
        return None
    return text


def _one_of(
    members: Mapping[str, Any], name: str, words: Collection[str], note: Note
) -> str | None:
    text = _text_of(members, name, note)
    if text is not None and text not in words:
        note(f"/{name}", "invalid_value", f"must be one of {', '.join(words)}")
    return text


def _day_of(members: Mapping[str, Any], accepted_on: date, note: Note) -> date | None:
    text = _text_of(members, "accrual_date", note)
    if text is None:
        return None
    try:
        day = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        note("/accrual_date", "invalid_format", "must be a date, YYYY-MM-DD")
    elif day > accepted_on + timedelta(days=MOST_DAYS_AHEAD):
        note("/accrual_date", "effective_date_out_of_range", "is more than 31 days ahead")
    return day
