"""What each field of a body may hold: a check, and the JSON schema that says the same to people.

A check turns a JSON value into a Python one or notes a fault; it does not raise, so that one answer
lists every fault (up to `MOST_FAULTS`). Pure: no clock (the latest allowed day is given), no I/O.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from uuid import UUID

from schemas.currencies import is_currency
from schemas.money import MAX_AMOUNT_MINOR, MalformedAmount, parse_minor
from schemas.problems import MOST_FAULTS, FieldError, Problem, ProblemError
from schemas.strict_json import pointer_to

MAX_TEXT: Final = 255
MAX_METADATA: Final = 50
MAX_METADATA_KEY: Final = 40
MAX_METADATA_VALUE: Final = 500
MAX_TOTAL_MINOR: Final = 10**18 - 1

_UUID: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE
)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MONEY_PATTERN: Final = "^(0|[1-9][0-9]{0,17})$"


@dataclass(slots=True)
class Faults:
    """The faults of one body, in the order found. `latest_on`: the last allowed effective day."""

    latest_on: date
    errors: list[FieldError] = field(default_factory=list)

    def add(self, pointer: str, code: str, message: str) -> None:
        """Note one fault; raises `validation_failed` when there are too many to go on."""
        self.take([FieldError(pointer, code, message)])

    def take(self, errors: Sequence[FieldError]) -> None:
        """Note faults that were found already; raises as `add` does."""
        self.errors += errors
        if len(self.errors) >= MOST_FAULTS:
            told = tuple(self.errors[:MOST_FAULTS])
            detail = f"The body has {MOST_FAULTS} faults or more; the first ones are listed."
            raise ProblemError(Problem(code="validation_failed", detail=detail, errors=told))

    def is_sound(self, pointer: str) -> bool:
        """Whether nothing was found wrong with a value or in it."""
        return not any(
            error.field == pointer or error.field.startswith(f"{pointer}/") for error in self.errors
        )


Check = Callable[[object, str, Faults], object]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value. `check` returns the Python value; where it noted a fault, anything."""

    check: Check
    schema: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a body. `description` is for people, where the name does not say enough."""

    name: str
    kind: Kind
    required: bool = True
    description: str = ""

    def schema(self) -> dict[str, object]:
        """The JSON schema of its value."""
        told = {"description": self.description} if self.description else {}
        return {**self.kind.schema, **told}


def read_members(
    value: object, members: Sequence[Member], faults: Faults, pointer: str = ""
) -> dict[str, object]:
    """The members of an object as given, each checked; defaults are not filled in."""
    if not isinstance(value, dict):
        faults.add(pointer, "invalid_type", "must be an object")
        return {}
    values: dict[str, object] = {}
    for member in members:
        name = member.name
        if name in value:
            values[name] = member.kind.check(value[name], f"{pointer}/{name}", faults)
        elif member.required:
            faults.add(f"{pointer}/{name}", "required", "is required")
    if len(values) != len(value):
        known = {member.name for member in members}
        for name in value:
            if name not in known:
                faults.add(pointer_to(pointer, name), "unknown_field", "is not a known member")
    return values


def schema_of(members: Sequence[Member]) -> dict[str, object]:
    """The JSON schema of an object with these members."""
    return {
        "type": "object",
        "properties": {member.name: member.schema() for member in members},
        "required": [member.name for member in members if member.required],
        "additionalProperties": False,
    }


Rule = Callable[[Mapping[str, Any], Faults], None]


@dataclass(frozen=True, slots=True)
class Body:
    """What the body of a POST may hold.

    `only_with`: a member -> the one without which it is not taken; `needs`: a member -> the one
    that it makes required. `rule` notes what else is wrong between members.
    """

    members: Sequence[Member]
    only_with: Mapping[str, str] = field(default_factory=dict)
    needs: Mapping[str, str] = field(default_factory=dict)
    rule: Rule | None = None

    def read(self, value: object, faults: Faults) -> dict[str, Any]:
        """The members as given, each checked, and all of them together."""
        values = read_members(value, self.members, faults)
        for name, other in self.needs.items():
            if name in values and other not in values:
                faults.add(f"/{other}", "required", f"is required with {name}")
        for name, other in self.only_with.items():
            if name in values and other not in values:
                faults.add(f"/{name}", "unknown_field", f"is taken only with {other}")
        if self.rule is not None:
            self.rule(values, faults)
        return values

    def schema(self) -> dict[str, object]:
        """The JSON schema that says the same, but for `rule`."""
        schema = schema_of(self.members)
        together: dict[str, list[str]] = {}
        for name, other in (*self.needs.items(), *self.only_with.items()):
            together.setdefault(name, []).append(other)
        return schema | ({"dependentRequired": together} if together else {})


def one_of(*values: str) -> Kind:
    """One of a few words."""

    def check(value: object, pointer: str, faults: Faults) -> object:
        if not isinstance(value, str):
            faults.add(pointer, "invalid_type", "must be a string")
        elif value not in values:
            faults.add(pointer, "invalid_value", f"must be one of {', '.join(values)}")
        return value

    return Kind(check, {"type": "string", "enum": list(values)})


def matching(pattern: str, message: str) -> Kind:
    """Text of which the whole matches a pattern, in ASCII."""
    compiled = re.compile(pattern, re.ASCII)

    def check(value: object, pointer: str, faults: Faults) -> object:
        if not isinstance(value, str):
            faults.add(pointer, "invalid_type", "must be a string")
        elif compiled.fullmatch(value) is None:
            faults.add(pointer, "invalid_format", message)
        return value

    return Kind(check, {"type": "string", "pattern": f"^{pattern}$"})


def list_of(members: Sequence[Member], *, least: int, most: int) -> Kind:
    """An array of objects. One that is too long or too short is not looked into."""

    def check(value: object, pointer: str, faults: Faults) -> object:
        if not isinstance(value, list):
            faults.add(pointer, "invalid_type", "must be an array")
            return []
        if not least <= len(value) <= most:
            faults.add(pointer, "invalid_length", f"must have {least} to {most} elements")
            return []
        return [
            read_members(element, members, faults, f"{pointer}/{index}")
            for index, element in enumerate(value)
        ]

    schema = {"type": "array", "minItems": least, "maxItems": most, "items": schema_of(members)}
    return Kind(check, schema)


def object_of(members: Sequence[Member]) -> Kind:
    """An object within the body."""

    def check(value: object, pointer: str, faults: Faults) -> object:
        return read_members(value, members, faults, pointer)

    return Kind(check, schema_of(members))


def money(*, minimum_minor: int, maximum_minor: int = MAX_AMOUNT_MINOR) -> Kind:
    """An amount in minor units, spelled as a string of ASCII digits."""

    def check(value: object, pointer: str, faults: Faults) -> object:
        if not isinstance(value, str):
            faults.add(pointer, "invalid_type", "must be a string of digits in the minor unit")
            return 0
        try:
            amount_minor = parse_minor(value)
        except MalformedAmount:
            faults.add(pointer, "invalid_format", f"must match {_MONEY_PATTERN}")
            return 0
        if not minimum_minor <= amount_minor <= maximum_minor:
            message = f"must be from {minimum_minor} to {maximum_minor}"
            faults.add(pointer, "amount_out_of_range", message)
        return amount_minor

    return Kind(check, {"type": "string", "pattern": _MONEY_PATTERN})


def _check_uuid(value: object, pointer: str, faults: Faults) -> object:
    if not isinstance(value, str):
        faults.add(pointer, "invalid_type", "must be a string")
        return None
    if _UUID.fullmatch(value) is None:
        faults.add(pointer, "invalid_format", "must be a UUID")
        return None
    return UUID(value)


def _check_loan_id(value: object, pointer: str, faults: Faults) -> object:
    loan_id = _check_uuid(value, pointer, faults)
    # In records and keys the nil UUID stands for "no loan".
    if isinstance(loan_id, UUID) and loan_id.int == 0:
        faults.add(pointer, "invalid_value", "must not be the nil UUID")
    return loan_id


def _check_currency(value: object, pointer: str, faults: Faults) -> object:
    if not isinstance(value, str):
        faults.add(pointer, "invalid_type", "must be a string")
    elif not is_currency(value):
        faults.add(pointer, "currency_unknown", "must be an ISO 4217 alphabetic code")
    return value


def _check_effective(value: object, pointer: str, faults: Faults) -> object:
    if not isinstance(value, str):
        faults.add(pointer, "invalid_type", "must be a string")
        return None
    try:
        day = date.fromisoformat(value) if _DATE.fullmatch(value) else None
    except ValueError:
        day = None
    if day is None:
        faults.add(pointer, "invalid_format", "must be a date, YYYY-MM-DD")
    elif day > faults.latest_on:
        message = f"must not be after {faults.latest_on.isoformat()}"
        faults.add(pointer, "effective_date_out_of_range", message)
    return day


def _check_text(value: object, pointer: str, faults: Faults) -> object:
    if not isinstance(value, str):
        faults.add(pointer, "invalid_type", "must be a string")
    elif not 1 <= len(value) <= MAX_TEXT:
        faults.add(pointer, "invalid_length", f"must have 1 to {MAX_TEXT} characters")
    return value


def _check_metadata(value: object, pointer: str, faults: Faults) -> object:
    if not isinstance(value, dict):
        faults.add(pointer, "invalid_type", "must be an object")
        return {}
    if len(value) > MAX_METADATA:
        faults.add(pointer, "invalid_length", f"must have at most {MAX_METADATA} members")
    for name, text in value.items():
        place = pointer_to(pointer, name)
        if len(name) > MAX_METADATA_KEY:
            faults.add(place, "invalid_length", f"a key has at most {MAX_METADATA_KEY} characters")
        if not isinstance(text, str):
            faults.add(place, "invalid_type", "must be a string")
        elif len(text) > MAX_METADATA_VALUE:
            message = f"must have at most {MAX_METADATA_VALUE} characters"
            faults.add(place, "invalid_length", message)
    return value


def _check_flag(value: object, pointer: str, faults: Faults) -> object:
    if not isinstance(value, bool):
        faults.add(pointer, "invalid_type", "must be true or false")
    return value


def _check_count(value: object, pointer: str, faults: Faults) -> object:
    # JSON true is a Python int.
    if isinstance(value, bool) or not isinstance(value, int):
        faults.add(pointer, "invalid_type", "must be an integer")
    elif not 0 <= value <= 2**53 - 1:
        faults.add(pointer, "out_of_range", "must be a count")
    return value


IDENTIFIER: Final = Kind(_check_uuid, {"type": "string", "format": "uuid"})
LOAN_ID: Final = Kind(_check_loan_id, {"type": "string", "format": "uuid"})
CURRENCY: Final = Kind(_check_currency, {"type": "string", "pattern": "^[A-Z]{3}$"})
EFFECTIVE_DATE: Final = Kind(_check_effective, {"type": "string", "format": "date"})
TEXT: Final = Kind(_check_text, {"type": "string", "minLength": 1, "maxLength": MAX_TEXT})
FLAG: Final = Kind(_check_flag, {"type": "boolean"})
COUNT: Final = Kind(_check_count, {"type": "integer", "minimum": 0})
AMOUNT: Final = money(minimum_minor=1)
AMOUNT_OR_ZERO: Final = money(minimum_minor=0)
TOTAL_OR_ZERO: Final = money(minimum_minor=0, maximum_minor=MAX_TOTAL_MINOR)
METADATA: Final = Kind(
    _check_metadata,
    {
        "type": "object",
        "maxProperties": MAX_METADATA,
        "propertyNames": {"maxLength": MAX_METADATA_KEY},
        "additionalProperties": {"type": "string", "maxLength": MAX_METADATA_VALUE},
    },
)
