"""The answers of the write edge as the OpenAPI describes them: headers, schemas, examples."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ingress_api.example_answers import (
    BATCH_PENDING,
    COMMAND,
    PENDING,
    POSTED,
    READ,
    REFUSED,
    TRACE,
)
from ingress_api.examples import PERIOD
from ingress_api.result_schemas import ref
from schemas.http_headers import OF_PROBLEM, told
from schemas.problems import MEDIA_TYPE, FieldError, Problem

_TO_POST: Final = {
    "200": "As it was answered before, or as asked for",
    "201": "Posted",
    "202": "Accepted for good, not known in time",
}
_PROBLEMS_OF_POST: Final = ("400", "401", "403", "409", "413", "415", "422", "429", "503")
PROBLEMS_OF_GET: Final = ("400", "401", "403", "404", "503")
_ON_POSTED: Final[tuple[str, ...]] = ("HPTS-Position", "Preference-Applied")
_FAULT: Final = FieldError("/surprise", "unknown_field", "is not a known member")


def answers_to_post(name: str, path: str) -> dict[str, Any]:
    """Status -> response of the POST whose schemas have this name."""
    result, pending, more = f"{name}Result", PENDING, _ON_POSTED
    if name == "AccrualBatch":
        # Its chunks are sent later: it has no position yet.
        pending, more = BATCH_PENDING, ("Preference-Applied",)
    answers = {
        "200": success(result, ("Idempotency-Replayed", *_ON_POSTED)),
        "201": success(result, ("Location", *_ON_POSTED), POSTED[name]),
        "202": success("Pending", ("Location", "Retry-After", *more), {"pending": pending}),
    }
    for status, response in answers.items():
        response["description"] = _TO_POST[status]
    refused = REFUSED[name]
    problems = {
        "422": {"invalid": _told(Problem(code="validation_failed", errors=(_FAULT,)), path)}
    }
    problems.setdefault(str(refused.status), {})["refused"] = _told(refused, path)
    return answers | {one: problem(one, problems.get(one, {})) for one in _PROBLEMS_OF_POST}


def answers_to_get(result: str, headers: Sequence[str]) -> dict[str, Any]:
    """Status -> response of the GET that answers `result`, with these headers of its own."""
    found = {"200": success(result, headers, READ[result])}
    return found | {status: problem(status, {}) for status in PROBLEMS_OF_GET}


def named(examples: Mapping[str, object]) -> dict[str, Any]:
    """The member `examples` of a content; none where there are none."""
    by_title = {title: {"value": value} for title, value in examples.items()}
    return {"examples": by_title} if by_title else {}


def success(
    schema: str, headers: Sequence[str], examples: Mapping[str, object] | None = None
) -> dict[str, Any]:
    """A response that answers a schema."""
    content = {"schema": ref(schema), **named(examples or {})}
    return {
        "description": "As it is now",
        "headers": told(*headers),
        "content": {"application/json": content},
    }


def problem(status: str, examples: Mapping[str, object]) -> dict[str, Any]:
    """A response that is a problem document."""
    return {
        "description": "A problem document",
        "headers": told(*OF_PROBLEM.get(status, ())),
        "content": {MEDIA_TYPE: {"schema": ref("Problem"), **named(examples)}},
    }


def _told(told_of: Problem, path: str) -> dict[str, object]:
    return told_of.with_trace(TRACE, path.format(period=PERIOD, command_id=COMMAND)).document()
