"""The API as an operator of a running stack uses it: tokens, pages, and what it refuses.

The only httpx of the command line. It knows the stack by its `local.json`, and each tenant by a
client there that has the scopes of operations.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx

from hpts.local.folder import LOCAL_JSON
from schemas.scopes import OPERATIONS_READ, OPERATIONS_WRITE

_TIMEOUT_S: Final = 70.0
_PAGE_SIZE: Final = "500"


Unreachable: Final = httpx.HTTPError
"""The API does not answer."""


class OperatorRefused(Exception):
    """The stack is not there, or the API refuses. The message says what and why."""


@dataclass(frozen=True, slots=True)
class Client:
    """One OAuth client of the running stack."""

    client_id: str
    tenant_id: str
    http: httpx.Client

    def items(self, path: str) -> Iterator[dict[str, Any]]:
        """Every item of a listing, page after page."""
        parameters = {"page_size": _PAGE_SIZE}
        while True:
            page = _answer(self.http.get(path, params=parameters))
            yield from page["items"]
            if "next_page_token" not in page:
                return
            parameters = {"page_size": _PAGE_SIZE, "page_token": page["next_page_token"]}

    def send(self, path: str, body: Mapping[str, Any], key: str) -> dict[str, Any]:
        """A POST under a key of its own, and its answer; the same again changes nothing."""
        return _answer(self.http.post(path, json=dict(body), headers={"Idempotency-Key": key}))

    def resolve(self, command_id: str, verb: str, body: Mapping[str, str]) -> dict[str, Any] | None:
        """Resume or reject; what became of it. None: the tenant has no such command."""
        key = {"Idempotency-Key": f"hpts-quarantine-{verb}:{uuid4()}"}
        answer = self.http.post(f"/v1/quarantine/{command_id}/{verb}", json=dict(body), headers=key)
        return None if answer.status_code == httpx.codes.NOT_FOUND else _answer(answer)


def clients(data_dir: Path, client_id: str | None = None) -> list[Client]:
    """A client for each tenant of the running stack, or the one named; raises `OperatorRefused`."""
    described = local_json(data_dir)
    chosen: dict[str, Mapping[str, Any]] = {}
    for registered in described["clients"]:
        is_named = client_id in (None, registered["client_id"])
        may_operate = {OPERATIONS_READ, OPERATIONS_WRITE} <= set(registered["scopes"])
        if is_named and may_operate and not registered["partner"]:
            chosen.setdefault(registered["tenant_id"], registered)
    if not chosen:
        who = "no client" if client_id is None else f"no client {client_id}"
        raise OperatorRefused(f"{who} of the stack has the scopes of operations")
    return [_connected(described, registered) for registered in chosen.values()]


def quarantined(operators: Sequence[Client]) -> list[dict[str, Any]]:
    """What waits for an operator, of every tenant."""
    return [
        {"tenant_id": one.tenant_id, **item}
        for one in operators
        for item in one.items("/v1/quarantine")
    ]


def dead_letters(operators: Sequence[Client]) -> list[dict[str, Any]]:
    """The dead letters, as the first client sees them that is an operator's."""
    refused: OperatorRefused | None = None
    for one in operators:
        try:
            return list(one.items("/v1/dead-letters"))
        except OperatorRefused as error:
            refused = error
    raise refused or OperatorRefused("no client of the stack is an operator's")


def resolve(
    operators: Sequence[Client], command_id: str, verb: str, body: Mapping[str, str]
) -> dict[str, Any]:
    """Resume or reject a command, of whichever tenant has it."""
    for one in operators:
        resolved = one.resolve(command_id, verb, body)
        if resolved is not None:
            return resolved
    raise OperatorRefused(f"there is no command {command_id}")


def local_json(data_dir: Path) -> dict[str, Any]:
    """What the stack that runs there says of itself; raises `OperatorRefused` where none does."""
    try:
        described: dict[str, Any] = json.loads((data_dir / LOCAL_JSON).read_text("utf-8"))
    except FileNotFoundError:
        raise OperatorRefused(f"nothing runs on {data_dir}") from None
    return described


def _connected(described: Mapping[str, Any], registered: Mapping[str, Any]) -> Client:
    try:
        answer = httpx.post(
            described["token_url"],
            data={"grant_type": "client_credentials"},
            auth=(registered["client_id"], registered["client_secret"]),
        )
    except httpx.HTTPError as error:
        raise OperatorRefused(f"no token from {described['token_url']}: {error}") from error
    token = _answer(answer)["access_token"]
    http = httpx.Client(
        base_url=described["api_url"],
        headers={"Authorization": f"Bearer {token}"},
        timeout=_TIMEOUT_S,
    )
    return Client(registered["client_id"], registered["tenant_id"], http)


def _answer(answer: httpx.Response) -> dict[str, Any]:
    document: dict[str, Any] = answer.json()
    if answer.is_success:
        return document
    told = document.get("detail") or document.get("title") or answer.reason_phrase
    faults = "".join(f"; {one['field']}: {one['message']}" for one in document.get("errors", ()))
    raise OperatorRefused(f"{document.get('code', answer.status_code)}: {told}{faults}")
