"""How values are spelled on the wire (contract section 1)."""

import re
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

_IN_BRACES: Final = re.compile(r"\{(\w+)\}")


def in_path(route: str) -> frozenset[str]:
    """The names of a route's own parameters."""
    return frozenset(_IN_BRACES.findall(route))


def spelled(name: str, value: Any) -> Any:
    """A member's value as JSON has it: money is a string of digits, an instant is in UTC."""
    match value:
        case bool():
            return value
        case int() if name.endswith("_minor"):
            return str(value)
        case UUID():
            return str(value)
        case datetime():
            if value.tzinfo is None:
                raise ValueError(f"{name}: an instant needs a time zone")
            return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case float():
            raise TypeError(f"{name}: no float is ever sent; money is an int of minor units")
    return value


def in_query(name: str, value: Any) -> str:
    """A query parameter's value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(spelled(name, value))
