"""Resuming and rejecting what is quarantined: the operator's decision becomes a command of the log.

The command goes to the partition where the quarantined one waits, so that it is decided in its
place among that loan's other commands; the answer tells what became of them.
"""

import re
from functools import partial
from typing import Final
from uuid import UUID

from ingress_api import members, progress
from ingress_api.bodies import Envelope, Values
from ingress_api.exchange import Answer
from ingress_api.fields import Body
from ingress_api.intake import Intake, Request
from ingress_api.operations import Make, Operation
from schemas import scopes
from schemas.problems import FieldError, Problem, ProblemError
from schemas.quarantine import QuarantineReject, QuarantineResume


def _resume(values: Values, envelope: Envelope) -> QuarantineResume:
    return QuarantineResume(**envelope.common(), **values)


def _reject(values: Values, envelope: Envelope) -> QuarantineReject:
    return QuarantineReject(**envelope.common(), **values)


def _operation(verb: str, name: str, summary: str, body: Body, command: Make) -> Operation:
    return Operation(
        path=f"/v1/quarantine/{{command_id}}/{verb}",
        name=name,
        summary=summary,
        scope=scopes.OPERATIONS_WRITE,
        body=body,
        command=command,
        may_be_tried=False,
    )


RESOLUTIONS: Final = {
    "resume": _operation(
        "resume",
        "QuarantineResume",
        "Decide again what waits for a quarantined command's loan",
        members.QUARANTINE_RESUME,
        _resume,
    ),
    "reject": _operation(
        "reject",
        "QuarantineReject",
        "Refuse a quarantined command, and decide again what waits behind it",
        members.QUARANTINE_REJECT,
        _reject,
    ),
}
"""The commands' `command_id`, `partition_id` and `loan_id` are added to the values: they come from
the path and from what waits."""

_PATH: Final = re.compile(r"/v1/quarantine/(?P<command_id>[^/]+)/(?P<verb>resume|reject)")
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)


def resolution_on(path: str) -> Operation | None:
    """The operation on a path; None where the path is not of this kind."""
    found = _PATH.fullmatch(path)
    return None if found is None else RESOLUTIONS[found["verb"]]


def command_in(path: str) -> UUID:
    """The quarantined command that a path names; raises `invalid_parameter`."""
    found = _PATH.fullmatch(path)
    text = "" if found is None else found["command_id"]
    if _UUID.fullmatch(text) is None:
        error = FieldError("/command_id", "invalid_format", "must be a UUID")
        raise ProblemError(Problem(code="invalid_parameter", errors=(error,)))
    return UUID(text)


async def accept(
    intake: Intake, request: Request, operation: Operation, command_id: UUID, values: Values
) -> Answer:
    """Answer a checked request to resolve a command."""
    rows = await intake.store.quarantined(request.tenant_id, command_id)
    named = [
        row
        for row in rows
        if row["command_id"] == command_id and values.get("loan_id") in (None, row["loan_id"])
    ]
    holder = await intake.reservations.find(request.tenant_id, request.idempotency_key)
    if named:
        partition_id = named[0]["partition_id"]
    elif holder is not None:
        partition_id = holder.partition_id  # resolved since, perhaps by this very request
    else:
        await progress.command_state(
            intake.store, request.tenant_id, command_id, {}
        )  # 404: unknown
        raise ProblemError(Problem(code="not_quarantined", command_id=command_id))
    loans = {row["loan_id"] for row in named}
    known = {
        "command_id": command_id,
        "partition_id": partition_id,
        # Of a chunk several loans may wait: without a word, all of them are meant.
        "loan_id": values.get("loan_id", next(iter(loans)) if len(loans) == 1 else None),
    }
    return await intake.accept(request, partial(operation.command, {**values, **known}))
