"""Webhook endpoints (contract section 7): making, reading and deleting them, and what they were
told. Telling them is the deliveries' work; here is configuration, of one tenant at a time.
"""

import re
import secrets
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from ingress_api import answers, paging, unposted, webhook_members
from ingress_api.caller import Caller, Deps
from ingress_api.exchange import NO_CONTENT, Answer, Exchange
from ingress_api.store import Row, Run
from ingress_api.unposted import Done
from schemas import scopes
from schemas.problems import FieldError, Problem, ProblemError

PATH: Final = "/v1/webhook-endpoints"
OVERLAP_HOURS: Final = 24
"""How long a secret that was replaced is still signed by."""
MOST_REPLACED: Final = 5
"""Of those that were replaced, how many may sign still: each is a signature to send."""
_SECRET_BYTES: Final = 32
_PATH: Final = re.compile(
    rf"{PATH}(?:/(?P<endpoint_id>[^/]+)(?:/(?P<what>rotate-secret|replays|deliveries))?)?"
)
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)

Answering = Callable[[Deps, Exchange, Caller, bytes], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One of them. `answer` gets the secret of page tokens, too."""

    scope: str
    answer: Answering


def is_of_them(path: str) -> bool:
    """Whether a path is one of these."""
    return _PATH.fullmatch(path) is not None


def has_method(method: str, path: str) -> bool:
    """Whether there is such an operation."""
    return (method, _kind_of(path)) in _OPERATIONS


def methods_of(path: str) -> str:
    """The methods that a path has, for `Allow`."""
    return ", ".join(sorted(method for method, kind in _OPERATIONS if kind == _kind_of(path)))


def operation_on(method: str, path: str) -> Operation:
    """The operation, which there must be."""
    return _OPERATIONS[method, _kind_of(path)]


async def make(deps: Deps, exchange: Exchange, caller: Caller, _secret: bytes) -> Answer:
    """`POST /webhook-endpoints`."""

    async def do(run: Run, values: Mapping[str, Any]) -> Done:
        endpoint_id, secret = uuid4(), _new_secret()
        named = {"endpoint_id": endpoint_id, "tenant_id": caller.tenant_id}
        given = {name: values.get(name) for name in ("url", "event_types", "description")}
        [row] = await run("insert_webhook_endpoint", {**named, **given})
        await run("insert_webhook_secret", {**named, "secret": secret})
        return Done(_endpoint(row), f"{PATH}/{endpoint_id}", {"secret": secret})

    body = webhook_members.endpoint(deps.webhook_names)
    return await _posted(deps, exchange, caller, body, do)


async def rotate(deps: Deps, exchange: Exchange, caller: Caller, _secret: bytes) -> Answer:
    """`POST /webhook-endpoints/{id}/rotate-secret`: both secrets sign until the old one ends."""
    endpoint_id = _id_in(exchange.path)

    async def do(run: Run, _values: Mapping[str, Any]) -> Done:
        named = {"endpoint_id": endpoint_id, "tenant_id": caller.tenant_id}
        await _one(run, "lock_webhook_endpoint", named)
        secret = _new_secret()
        overlap = {"hours": OVERLAP_HOURS, "most": MOST_REPLACED}
        [ended] = await run("end_webhook_secrets", {**named, **overlap})
        await run("insert_webhook_secret", {**named, "secret": secret})
        result = {
            "webhook_endpoint_id": str(endpoint_id),
            "previous_secret_until": _instant(ended["valid_until"]),
        }
        return Done(result, f"{PATH}/{endpoint_id}", {"secret": secret})

    return await _posted(deps, exchange, caller, webhook_members.NOTHING, do)


async def replay(deps: Deps, exchange: Exchange, caller: Caller, _secret: bytes) -> Answer:
    """`POST /webhook-endpoints/{id}/replays`: what was posted since an instant is told again."""
    endpoint_id = _id_in(exchange.path)

    async def do(run: Run, values: Mapping[str, Any]) -> Done:
        named = {"endpoint_id": endpoint_id, "tenant_id": caller.tenant_id}
        await _one(run, "find_webhook_endpoint", named)
        wanted = {**named, "replay_id": uuid4(), "from_at": values["from"]}
        [row] = await run("insert_webhook_replay", wanted)
        result = {
            "webhook_replay_id": str(row["replay_id"]),
            "webhook_endpoint_id": str(endpoint_id),
            "from": _instant(row["from_at"]),
            "requested_at": _instant(row["requested_at"]),
        }
        return Done(result, f"{PATH}/{endpoint_id}/deliveries")

    return await _posted(deps, exchange, caller, webhook_members.REPLAY, do)


async def endpoint(deps: Deps, exchange: Exchange, caller: Caller, _secret: bytes) -> Answer:
    """`GET /webhook-endpoints/{id}`."""
    named = {"endpoint_id": _id_in(exchange.path), "tenant_id": caller.tenant_id}
    exchange.refuse_parameters()
    async with deps.intake.store.transaction(caller.tenant_id) as run:
        row = await _one(run, "find_webhook_endpoint", named)
    return Answer(200, answers.to_json(_endpoint(row)))


async def delete(deps: Deps, exchange: Exchange, caller: Caller, _secret: bytes) -> Answer:
    """`DELETE /webhook-endpoints/{id}`: nothing more is told, and what was told is forgotten."""
    named = {"endpoint_id": _id_in(exchange.path), "tenant_id": caller.tenant_id}
    exchange.refuse_parameters()
    async with deps.intake.store.transaction(caller.tenant_id) as run:
        await _one(run, "delete_webhook_endpoint", named)
    return Answer(NO_CONTENT, b"")


async def endpoints(deps: Deps, exchange: Exchange, caller: Caller, secret: bytes) -> Answer:
    """`GET /webhook-endpoints`: a page."""
    return await _page(deps, exchange, caller, secret, "list_webhook_endpoints", _endpoint)


async def deliveries(deps: Deps, exchange: Exchange, caller: Caller, secret: bytes) -> Answer:
    """`GET /webhook-endpoints/{id}/deliveries`: a page of what it was told, by entry id."""
    endpoint_id = _id_in(exchange.path)
    async with deps.intake.store.transaction(caller.tenant_id) as run:
        named = {"endpoint_id": endpoint_id, "tenant_id": caller.tenant_id}
        await _one(run, "find_webhook_endpoint", named)
    return await _page(
        deps, exchange, caller, secret, "list_webhook_deliveries", _delivery, endpoint_id
    )


async def _page(
    deps: Deps,
    exchange: Exchange,
    caller: Caller,
    secret: bytes,
    statement: str,
    item_of: Callable[[Row], dict[str, Any]],
    endpoint_id: UUID | None = None,
) -> Answer:
    bound_to = f"{caller.tenant_id} {statement} {endpoint_id}"
    wanted = paging.read_paging(exchange.query, secret, bound_to)
    after = None if wanted.place is None else UUID(int=wanted.place.after[0])
    async with deps.intake.store.transaction(caller.tenant_id) as run:
        rows = await run(
            f"{statement}_reversed" if wanted.is_descending else statement,
            {
                "tenant_id": caller.tenant_id,
                "endpoint_id": endpoint_id,
                "after": after,
                "most": wanted.page_size + 1,
            },
        )
    page = rows[: wanted.page_size]
    body: dict[str, Any] = {"items": [item_of(row) for row in page]}
    if len(rows) > len(page):
        place = paging.Place((), (page[-1]["item_id"].int, 0, 0))
        body["next_page_token"] = paging.next_token(
            place, secret, bound_to, is_descending=wanted.is_descending
        )
    return Answer(200, answers.to_json(body))


async def _posted(
    deps: Deps, exchange: Exchange, caller: Caller, body: Any, do: unposted.Do
) -> Answer:
    store = deps.intake.store
    return await unposted.answer(
        store, exchange, caller, scope=scopes.WEBHOOKS_WRITE, body=body, do=do
    )


async def _one(run: Run, statement: str, named: Mapping[str, object]) -> Row:
    """The endpoint's row; raises 404 for none, another tenant's, and one that was deleted."""
    for row in await run(statement, named):
        return row
    raise ProblemError(Problem(code="not_found"))


def _endpoint(row: Row) -> dict[str, Any]:
    return {
        "webhook_endpoint_id": str(row["endpoint_id"]),
        "url": row["url"],
        "event_types": row["event_types"],
        "description": row["description"],
        "status": row["status"],
        "disabled_because": row["disabled_because"],
        "created_at": _instant(row["created_at"]),
    }


def _delivery(row: Row) -> dict[str, Any]:
    return {
        "journal_entry_id": str(row["journal_entry_id"]),
        "event_type": row["event_type"],
        "occurred_at": _instant(row["occurred_at"]),
        "correlation_id": str(row["correlation_id"]),
        "status": row["status"],
        "queued_at": _instant(row["queued_at"]),
        "finished_at": _instant(row["finished_at"]),
        "next_attempt_at": _instant(row["next_attempt_at"]),
        "attempts": row["attempts"],
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else f"{at.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def _new_secret() -> str:
    return f"whsec_{b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


def _kind_of(path: str) -> str:
    found = _PATH.fullmatch(path)
    if found is None or found["endpoint_id"] is None:
        return "endpoints"
    return found["what"] or "endpoint"


def _id_in(path: str) -> UUID:
    found = _PATH.fullmatch(path)
    text = "" if found is None else found["endpoint_id"] or ""
    if _UUID.fullmatch(text) is None:
        error = FieldError("/webhook_endpoint_id", "invalid_format", "must be a UUID")
        raise ProblemError(Problem(code="invalid_parameter", errors=(error,)))
    return UUID(text)


_OPERATIONS: Final = {
    ("GET", "endpoints"): Operation(scopes.WEBHOOKS_READ, endpoints),
    ("POST", "endpoints"): Operation(scopes.WEBHOOKS_WRITE, make),
    ("GET", "endpoint"): Operation(scopes.WEBHOOKS_READ, endpoint),
    ("DELETE", "endpoint"): Operation(scopes.WEBHOOKS_WRITE, delete),
    ("POST", "rotate-secret"): Operation(scopes.WEBHOOKS_WRITE, rotate),
    ("POST", "replays"): Operation(scopes.WEBHOOKS_WRITE, replay),
    ("GET", "deliveries"): Operation(scopes.WEBHOOKS_READ, deliveries),
}
