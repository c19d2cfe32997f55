"""Requests of tenants for what is others': every route of the contract, with foreign ids, cursors,
keys and tenants' names; and what of the answers does not belong to who asked.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from bench.client import Connection
from hpts import openapi
from schemas.problem_codes import CATALOGUE
from tests.edges import bodies_of
from tests.security.walls.marked_tenants import (
    CONNECTIONS,
    MARK,
    Owners,
    Tenant,
    mark,
    marks_in,
    path_of,
)

DOCUMENT: Final[dict[str, Any]] = json.loads(openapi.contract())
STREAM: Final = "/v1/journal-entries/stream"
"""It never ends: tests/edges/test_journal_stream.py shows that it is the tenant's own."""
NO_DATA: Final = ("/v1/health/", "/v1/openapi.json", "/v1/docs", "/v1/problems/", "/problems/")
OPERATIONS: Final = tuple(
    (method.upper(), path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if path != STREAM and not path.startswith(NO_DATA)
)
CONSTANT: Final = {
    "account_code": "1100",
    "currency": "USD",
    "period": "2026-01",
    "page_size": "500",
    "order": "desc",
    "as_of_date": "2026-03-01",
    "known_at": "2026-03-01T00:00:00Z",
    "layer": "SETTLED",
    "status": "active",
    "event_type": "payment_received",
    "from_date": "2026-01-01",
    "to_date": "2026-12-31",
    "dry_run": "true",
}
REASON: Final = {"reason": "a trespasser's"}
TWINS: Final = 0.1
"""So many of the GETs are asked again with ids that nobody has: the answers must be alike."""


@dataclass(frozen=True)
class Request:
    """One request as it is sent, and whose values it uses."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def text(self) -> str:
        return "\n".join((self.path, *self.headers.values(), self.body.decode()))


@dataclass
class Found:
    """What a campaign saw. `leaks`: marks that reached who does not own them, with the route."""

    leaks: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    routes: Counter[str] = field(default_factory=Counter)


class Trespasser:
    """Draws requests of one tenant against another, and judges their answers."""

    def __init__(self, tenants: Sequence[Tenant], owners: Owners, seed: int) -> None:
        self._tenants = tenants
        self._owners = owners
        self._random = random.Random(seed)
        self.found = Found()

    def drawn(self) -> tuple[Tenant, str, Request]:
        """Who asks, on which route, and what."""
        who, victim = self._random.sample(self._tenants, 2)
        method, template, operation = self._random.choice(OPERATIONS)
        values = {name: self._value(victim, name) for name in _names_in(template)}
        target = path_of(template, values) + self._query(operation, victim)
        headers = self._headers(who, victim, method)
        body = self._body(template, victim) if method == "POST" else b""
        request = Request(method, target, headers, body)
        who.sent |= marks_in(request.text())
        if method == "POST":
            who.posted |= marks_in(request.text())
        return who, f"{method} {template}", request

    def judge(self, who: Tenant, route: str, status: int, told: str) -> None:
        """Note what the answer holds that the one who asked neither owns nor has ever sent."""
        self.found.routes[route] += 1
        self.found.answers[str(status)] += 1
        for one in marks_in(told) - who.sent:
            owner = self._owners.get(one, who.number)
            if owner != who.number:
                self.found.leaks.append(f"{route}: {one} of tenant {owner} to {who.number}")
        if status >= 400:
            code = _code_in(told.partition("\r\n\r\n")[2].encode())
            if status >= 500 or code not in CATALOGUE:
                self.found.faults.append(f"{route}: {status} {code}")

    def twin_of(self, who: Tenant, request: Request) -> Request | None:
        """The same request for ids that nobody has, now and then; None where it names none."""
        is_own = who.posted & marks_in(request.path)
        if request.method != "GET" or is_own or self._random.random() > TWINS:
            return None
        path = MARK.sub(lambda one: self._nobody_s(one[0]), request.path)
        return None if path == request.path else Request("GET", path, request.headers, b"")

    def _nobody_s(self, mark_of_victim: str) -> str:
        """An id of the same kind, whose time and partition say the same; or another text."""
        if mark_of_victim.count("-") != 4:
            return mark()
        above = UUID(mark_of_victim).int >> 62 << 62
        return str(UUID(int=above | self._random.getrandbits(62)))

    def _value(self, victim: Tenant, name: str) -> str:
        known = victim.known.get(name)
        if known is None or (name in CONSTANT and self._random.random() < 0.5):
            return CONSTANT.get(name) or self._random.choice(victim.known["loan_id"])
        return self._random.choice(known)

    def _query(self, operation: dict[str, Any], victim: Tenant) -> str:
        given = {}
        for parameter in operation.get("parameters", ()):
            is_wanted = parameter.get("required") or self._random.random() < 0.2
            if parameter["in"] == "query" and is_wanted:
                given[parameter["name"]] = self._value(victim, parameter["name"])
        if self._random.random() < 0.03:
            given["tenant_id"] = victim.tenant_id
        return f"?{urlencode(given)}" if given else ""

    def _headers(self, who: Tenant, victim: Tenant, method: str) -> dict[str, str]:
        headers = {"authorization": f"Bearer {who.token}"}
        if self._random.random() < 0.2:
            headers |= {"x-tenant-id": victim.tenant_id, "tenant-id": victim.tenant_id}
        if method == "POST":
            is_foreign = self._random.random() < 0.5
            key = self._random.choice(victim.known["idempotency_key"]) if is_foreign else mark()
            headers |= {"idempotency-key": key, "content-type": "application/json"}
        return headers

    def _body(self, template: str, victim: Tenant) -> bytes:
        if template.startswith("/v1/quarantine/"):
            body: dict[str, Any] = dict(REASON)
        elif template.endswith("/close"):
            body = {}
        elif template in bodies_of.SOUND:
            body = bodies_of.full(template)
        else:
            body = {}
        body |= {
            name: self._value(victim, name)
            for name in ("loan_id", "borrower_id", "disbursement_event_id", "payment_event_id")
            if name in body
        }
        if "reverses_entry_id" in body:
            body["reverses_entry_id"] = self._value(victim, "journal_entry_id")
        for loan in body.get("loans", ()):
            loan["loan_id"] = self._value(victim, "loan_id")
        if self._random.random() < 0.1:
            body["tenant_id"] = victim.tenant_id
        return json.dumps(body).encode()


async def trespass(
    api: str, tenants: Sequence[Tenant], owners: Owners, requests: int, seed: int
) -> Found:
    """So many requests over a few connections; what was found."""
    trespasser = Trespasser(tenants, owners, seed)
    left = iter(range(requests))

    async def client() -> None:
        async with Connection(api) as connection:
            for _ in left:
                who, route, request = trespasser.drawn()
                status, head, body = await _sent(connection, request)
                trespasser.judge(who, route, status, (head + body).decode())
                if (twin := trespasser.twin_of(who, request)) is not None:
                    other, _, told = await _sent(connection, twin)
                    if (other, _code_in(told)) != (status, _code_in(body)):
                        trespasser.found.faults.append(
                            f"{route}: {status} for another's, {other} for nobody's"
                        )

    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    return trespasser.found


async def _sent(connection: Connection, request: Request) -> tuple[int, bytes, bytes]:
    return await connection.exchange(request.method, request.path, request.headers, request.body)


def _code_in(body: bytes) -> object:
    """The code of a problem document; None for what is none."""
    try:
        return json.loads(body).get("code")
    except ValueError:
        return None


def _names_in(template: str) -> Iterator[str]:
    for piece in template.split("/"):
        if piece.startswith("{"):
            yield piece.strip("{}")
