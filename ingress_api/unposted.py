"""Requests that post nothing: the work, the key and the answer are one transaction.

So a retry finds the whole or nothing: it waits for the first, and is then answered by what was kept
with the key. What is secret is in the first answer alone.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ingress_api import answers
from ingress_api.bodies import check
from ingress_api.caller import Caller
from ingress_api.exchange import Answer, Exchange
from ingress_api.fields import Body
from ingress_api.reservation import Reservation, as_arrays
from ingress_api.store import Run, Store
from schemas import ids
from schemas.fingerprints import fingerprint
from schemas.problems import Problem, ProblemError

MAX_BODY_BYTES: int = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Done:
    """What was done. `secrets`: members that are told once; `location`: where it can be read."""

    result: Mapping[str, Any]
    location: str
    secrets: Mapping[str, Any] = field(default_factory=dict)


Do = Callable[[Run, Mapping[str, Any]], Awaitable[Done]]
"""Does the work of a checked body; raises a problem where it cannot be done: nothing is kept."""


async def answer(
    store: Store, exchange: Exchange, caller: Caller, *, scope: str, body: Body, do: Do
) -> Answer:
    """Answer a POST: 201 with the result, or 200 with the one that its key has."""
    key = exchange.idempotency_key()
    exchange.refuse_parameters()
    accepted_at = datetime.now(UTC)
    values = check(await exchange.document(MAX_BODY_BYTES), body, accepted_at.date())
    wanted = Reservation(
        tenant_id=caller.tenant_id,
        idempotency_key=key,
        command_id=ids.derive(
            ids.COMMAND,
            tenant_id=caller.tenant_id,
            key=key,
            accepted_at=accepted_at,
            partition_id=ids.IN_PARTS,
        ),
        fingerprint=fingerprint(f"POST {exchange.path}", values),
        partition_id=ids.IN_PARTS,
        required_scope=scope,
        accepted_at=accepted_at,
    )
    async with store.transaction(caller.tenant_id) as run:
        if not await run("reserve", as_arrays([wanted])):
            return await _replayed(run, wanted)
        done = await do(run, values)
        kept = json.dumps(done.result, ensure_ascii=False)
        named = {"tenant_id": wanted.tenant_id, "idempotency_key": key}
        await run("keep_result", {**named, "result": kept})
    told = answers.to_json({**done.result, **done.secrets})
    return Answer(201, told, (("location", done.location),))


async def _replayed(run: Run, wanted: Reservation) -> Answer:
    named = {"tenant_id": wanted.tenant_id, "idempotency_key": wanted.idempotency_key}
    [holder] = await run("find_result", named)
    if bytes(holder["fingerprint"]) != wanted.fingerprint:
        raise ProblemError(Problem(code="idempotency_mismatch", command_id=holder["command_id"]))
    return Answer(200, answers.to_json(holder["result"]), (("idempotency-replayed", "true"),))
