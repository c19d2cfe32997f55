"""What the bodies that configure webhooks may hold."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ingress_api import fields
from ingress_api.fields import Body, Faults, Kind, Member
from schemas.event_types import EVENT_TYPES
from schemas.webhook_targets import MOST_CHARACTERS, fault_of

_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z", re.ASCII
)


def _check_url(value: object, pointer: str, faults: Faults) -> object:
    if not isinstance(value, str):
        faults.add(pointer, "invalid_type", "must be a string")
        return None
    return value


def _check_event_types(value: object, pointer: str, faults: Faults) -> object:
    if not isinstance(value, list):
        faults.add(pointer, "invalid_type", "must be an array")
        return []
    if not 1 <= len(value) <= len(EVENT_TYPES):
        faults.add(pointer, "invalid_length", f"must have 1 to {len(EVENT_TYPES)} elements")
        return []
    for index, event_type in enumerate(value):
        _EVENT_TYPE.check(event_type, f"{pointer}/{index}", faults)
    if faults.is_sound(pointer) and len(set(value)) != len(value):
        faults.add(pointer, "invalid_value", "must name each once")
    return value


def _check_instant(value: object, pointer: str, faults: Faults) -> object:
    if not isinstance(value, str):
        faults.add(pointer, "invalid_type", "must be a string")
        return None
    try:
        if _INSTANT.fullmatch(value) is not None:
            return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    faults.add(pointer, "invalid_format", "must be an RFC 3339 instant in UTC, ending in Z")
    return None


_EVENT_TYPE: Final = fields.one_of(*EVENT_TYPES)
_URL: Final = Kind(
    _check_url, {"type": "string", "format": "uri", "minLength": 1, "maxLength": MOST_CHARACTERS}
)
_EVENT_TYPES: Final = Kind(
    _check_event_types,
    {
        "type": "array",
        "items": _EVENT_TYPE.schema,
        "minItems": 1,
        "maxItems": len(EVENT_TYPES),
        "uniqueItems": True,
    },
)
_INSTANT_KIND: Final = Kind(_check_instant, {"type": "string", "format": "date-time"})
NOTHING: Final = Body(())
REPLAY: Final = Body(
    (
        Member(
            "from",
            _INSTANT_KIND,
            description="Entries posted at this instant or later are told again.",
        ),
    )
)


def endpoint(names: frozenset[str]) -> Body:
    """The body of a new endpoint, where webhooks may go to hosts of these names, too."""

    def url_may_be_had(values: Mapping[str, Any], faults: Faults) -> None:
        url = values.get("url")
        if isinstance(url, str) and (why := fault_of(url, names)) is not None:
            faults.add("/url", "invalid_value", why)

    return Body(
        (
            Member("url", _URL, description="https, and a public address."),
            Member(
                "event_types",
                _EVENT_TYPES,
                required=False,
                description="Which entries it is told of; without it: all.",
            ),
            Member("description", fields.TEXT, required=False),
        ),
        rule=url_may_be_had,
    )
