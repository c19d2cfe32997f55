"""What stands in a path or a query string, read strictly (contract section 1). Pure.

Every reader takes the text as the client sent it, decoded once, and raises `BadParameter`. An
unknown parameter, a repeated one and a missing one are faults too; all faults are told at once.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final
from urllib.parse import unquote_to_bytes
from uuid import UUID

from schemas.commands import LAYERS
from schemas.currencies import is_currency
from schemas.event_types import EVENT_TYPES
from schemas.problems import FieldError, Problem, ProblemError

MOST_QUERY_BYTES: Final = 32_768
STATUSES: Final = ("active", "paid_off", "charged_off", "refinanced", "cancelled")
MOST_TEXT: Final = 255

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z", re.ASCII
)
_PAGE_SIZE: Final = re.compile(r"[1-9][0-9]{0,2}", re.ASCII)
_ACCOUNT: Final = re.compile(r"[1-9][0-9]{3}", re.ASCII)
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,30000}", re.ASCII)
_PERCENT: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class BadParameter(ValueError):
    """A value that is refused: a code for machines and a sentence for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query parameter: its reader, its JSON schema, and what holds when it is absent."""

    name: str
    read: Callable[[str], object]
    schema: dict[str, Any] = field(repr=False)
    description: str = field(repr=False)
    default: object = None
    is_required: bool = False


def refuse(*faults: FieldError) -> ProblemError:
    """400 `invalid_parameter` with every fault."""
    return ProblemError(Problem(code="invalid_parameter", errors=faults))


def read_query(query: bytes, known: Sequence[Parameter]) -> dict[str, Any]:
    """Every known parameter's value, or its default; raises `ProblemError` with all faults."""
    given, faults = _pairs(query), []
    by_name = {parameter.name: parameter for parameter in known}
    values = {parameter.name: parameter.default for parameter in known}
    seen: set[str] = set()
    for name, text in given:
        parameter = by_name.get(name)
        if parameter is None:
            faults.append(FieldError(f"/{name[:64]}", "unknown_field", "is not known here"))
        elif name in seen:
            faults.append(FieldError(f"/{name}", "repeated", "is given more than once"))
        else:
            seen.add(name)
            try:
                values[name] = parameter.read(text)
            except BadParameter as error:
                faults.append(FieldError(f"/{name}", error.code, error.message))
    for parameter in known:
        if parameter.is_required and parameter.name not in seen:
            faults.append(FieldError(f"/{parameter.name}", "required", "is required"))
    if faults:
        raise refuse(*faults[:50])
    return values


def check_dates(values: Mapping[str, Any]) -> None:
    """Raise 400 where `to_date` lies before `from_date`: that is never what was meant."""
    first, last = values["from_date"], values["to_date"]
    if first is not None and last is not None and last < first:
        raise refuse(FieldError("/to_date", "out_of_range", "lies before from_date"))


def read_uuid(text: str) -> UUID:
    if _UUID.fullmatch(text) is None:
        raise BadParameter("invalid_format", "must be a UUID")
    return UUID(text)


def read_account_code(text: str) -> str:
    if _ACCOUNT.fullmatch(text) is None:
        raise BadParameter("invalid_format", "must be four digits")
    return text


def read_date(text: str) -> date:
    try:
        if _DATE.fullmatch(text) is not None:
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise BadParameter("invalid_format", "must be a date, YYYY-MM-DD")


def read_instant(text: str) -> datetime:
    try:
        if _INSTANT.fullmatch(text) is not None:
            return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise BadParameter("invalid_format", "must be an RFC 3339 instant in UTC, ending in Z")


def read_currency(text: str) -> str:
    if not is_currency(text):
        raise BadParameter("currency_unknown", "must be an ISO 4217 code")
    return text


def read_layer(text: str) -> str:
    return _one_of(text, LAYERS)


def read_status(text: str) -> str:
    return _one_of(text, STATUSES)


def read_reference(text: str) -> str:
    """Free text, compared byte for byte."""
    if not 1 <= len(text) <= MOST_TEXT or "\0" in text:
        raise BadParameter("invalid_format", f"must be 1 to {MOST_TEXT} characters, no U+0000")
    return text


def read_order(text: str) -> str:
    return _one_of(text, ("asc", "desc"))


def read_event_type(text: str) -> str:
    return _one_of(text, EVENT_TYPES)


def read_page_size(text: str) -> int:
    if _PAGE_SIZE.fullmatch(text) is None or int(text) > 500:
        raise BadParameter("out_of_range", "must be from 1 to 500")
    return int(text)


def read_page_token(text: str) -> str:
    if _TOKEN.fullmatch(text) is None:
        raise ProblemError(Problem(code="page_token_invalid"))
    return text


def _one_of(text: str, allowed: Sequence[str]) -> str:
    if text not in allowed:
        raise BadParameter("invalid_value", f"must be one of {', '.join(allowed)}")
    return text


def _pairs(query: bytes) -> list[tuple[str, str]]:
    """Names and values; `+` is a space. Raises `ProblemError` for what is no query string."""
    if len(query) > MOST_QUERY_BYTES or query.count(b"&") > 100:
        raise refuse(FieldError("", "too_long", "the query string is too long"))
    if _PERCENT.search(query) is not None:
        raise refuse(
            FieldError("", "invalid_format", "a percent sign is not followed by two digits")
        )
    pairs = []
    for piece in query.split(b"&") if query else ():
        name, _, value = piece.replace(b"+", b" ").partition(b"=")
        try:
            pairs.append((unquote_to_bytes(name).decode(), unquote_to_bytes(value).decode()))
        except UnicodeDecodeError:
            raise refuse(FieldError("", "invalid_format", "the query is not UTF-8")) from None
    return pairs
