"""Tenants whose every field bears a mark: an id, a text or an amount that nobody else has.

A tenant's story posts one of everything through the API; whatever marks stand in its requests and
answers are its own from then on. Where one is seen by another tenant that never sent it, it leaked.
"""

import asyncio
import json
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

from jwt import decode

from bench.client import Connection
from hpts.local.issuer import Client as Registered
from hpts.local.issuer import Issuer
from hpts.local.token_key import open_key
from schemas.scopes import ALL_SCOPES
from tests.edges import bodies_of
from tests.http import Client

Stack = dict[str, Any]
Owners = dict[str, int]
"""Mark -> the number of the tenant whose it is."""

MARK: Final = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|mark[0-9a-f]{20}"
    r"|(?<![0-9A-Za-z_.:-])[1-9][0-9]{9,14}(?![0-9A-Za-z_.:-])"
)
NOBODY: Final = "00000000-0000-0000-0000-000000000000"
CONNECTIONS: Final = 16


def marks_in(text: str) -> set[str]:
    """The ids, marked texts and large amounts that stand in a text."""
    return set(MARK.findall(text)) - {NOBODY}


def mark() -> str:
    return f"mark{secrets.token_hex(10)}"


def amount_minor() -> str:
    return str(10**11 + secrets.randbelow(8 * 10**11))


@dataclass
class Tenant:
    """One tenant: its token, what a stranger may know of it, and what it has sent itself."""

    number: int
    tenant_id: str
    token: str
    known: dict[str, list[str]] = field(default_factory=dict)
    """Name of a parameter or member (`loan_id`, `page_token`, ...) -> this tenant's values."""
    sent: set[str] = field(default_factory=set)
    posted: set[str] = field(default_factory=set)
    """Of what it has sent, what may be its own by now: a loan may have any id."""

    def know(self, name: str, value: str) -> None:
        self.known.setdefault(name, []).append(value)


class Told:
    """One tenant's connection. `owners` learns its marks while its story is told."""

    def __init__(self, connection: Connection, tenant: Tenant, owners: Owners) -> None:
        self._connection, self._tenant, self._owners = connection, tenant, owners

    async def post(self, path: str, body: dict[str, Any], *, status: int = 201) -> dict[str, Any]:
        """The answer to what must be answered with this status."""
        key = mark()
        headers = {"idempotency-key": key, "content-type": "application/json", **self._who()}
        text = json.dumps(body)
        answered, answer = await self._connection.request("POST", path, headers, text.encode())
        assert answered == status, (path, answered, answer)
        self._own(key, text, answer.decode())
        self._tenant.know("idempotency_key", key)
        return self._learnt(answer)

    async def get(self, path: str) -> dict[str, Any]:
        status, answer = await self._connection.request("GET", path, self._who())
        assert status == 200, (path, status, answer)
        self._own(answer.decode())
        return self._learnt(answer)

    def _who(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._tenant.token}"}

    def _own(self, *texts: str) -> None:
        for one in set().union(*map(marks_in, texts)):
            owner = self._owners.setdefault(one, self._tenant.number)
            assert owner == self._tenant.number, f"{one} is of tenant {owner} already"

    def _learnt(self, answer: bytes) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(answer)
        for name, value in document.items():
            if isinstance(value, str) and (name.endswith("_id") or name == "external_ref"):
                self._tenant.know(name, value)
        return document


def remarks() -> dict[str, Any]:
    return {"description": mark(), "external_ref": mark(), "metadata": {mark(): mark()}}


async def tell(told: Told, tenant: Tenant, *, closes: bool) -> None:
    """One of everything that can be posted; then the first page of every listing."""
    loan = {"loan_id": str(uuid4()), "borrower_id": str(uuid4())}
    other = {"loan_id": str(uuid4()), "borrower_id": loan["borrower_id"]}
    for name, value in loan.items():
        tenant.know(name, value)
    opened = bodies_of.disbursement() | {"destination_ref": mark()} | remarks()
    await told.post("/v1/disbursements", opened | other | {"amount_minor": amount_minor()})
    disbursed = await told.post(
        "/v1/disbursements", opened | loan | remarks() | {"amount_minor": amount_minor()}
    )
    event = disbursed["disbursement_event_id"]
    await told.post("/v1/disbursement-settlements", bodies_of.settlement(event, description=mark()))
    batch = bodies_of.accrual(*(uuid4() for _ in range(2)))
    batch["loans"].append(bodies_of.accrual()["loans"][0] | {"loan_id": loan["loan_id"]})
    batch |= {"program_id": str(uuid4())}
    accrued = await told.post("/v1/accruals/batch", batch)
    await told.post(
        "/v1/payments", bodies_of.payment() | loan | remarks() | {"amount_minor": "1" + "0" * 6}
    )
    fee = await told.post("/v1/fees", bodies_of.fee(loan["loan_id"]) | remarks())
    reversal = bodies_of.reversal(fee["journal_entry_id"]) | {"reason_description": mark()}
    await told.post("/v1/reversals", reversal)
    lines = [bodies_of.line(*side, amount_minor()) for side in (("1000", "DR"), ("3000", "CR"))]
    lines[1]["amount_minor"] = lines[0]["amount_minor"]
    await told.post(
        "/v1/manual-adjustments",
        bodies_of.adjustment() | {"lines": lines, "description": mark(), "external_ref": mark()},
    )
    await told.post("/v1/payments", bodies_of.payment() | remarks(), status=422)
    if closes:
        await told.post("/v1/periods/2025-11/close", {})
    await _first_pages(told, tenant, loan["loan_id"], accrued["accrual_event_id"])


async def _first_pages(told: Told, tenant: Tenant, loan_id: str, accrual_id: str) -> None:
    for listing in (
        "/v1/journal-entries",
        "/v1/loans",
        f"/v1/loans/{loan_id}/journal-entries",
        f"/v1/accruals/{accrual_id}/rejections",
    ):
        page = await told.get(f"{listing}?page_size=1")
        tenant.know("page_token", page["next_page_token"])
    await told.get(f"/v1/loans/{loan_id}")


def tokens(stack: Stack, stack_dir: Path, count: int) -> list[Tenant]:
    """Tenants with every scope, their tokens signed by the stack's own issuer key."""
    known = decode(Client.of(stack).token, options={"verify_signature": False})
    clients = [
        Registered.model_validate(
            {
                "client_id": mark(),
                "client_secret": "of the test",
                "tenant_id": str(uuid4()),
                "scopes": ALL_SCOPES,
            }
        )
        for _ in range(count)
    ]
    issuer = Issuer(
        {client.client_id: client for client in clients},
        open_key(stack_dir / "secrets" / "issuer.pem"),
        issuer=known["iss"],
        audience=known["aud"],
    )
    form = {"grant_type": "client_credentials", "client_secret": "of the test"}
    now = int(time.time())
    return [
        Tenant(
            number,
            client.tenant_id,
            issuer.answer(form | {"client_id": client.client_id}, None, now)["access_token"],
        )
        for number, client in enumerate(clients)
    ]


async def found(api: str, tenants: Sequence[Tenant]) -> Owners:
    """Tell every tenant's story; whose each mark is."""
    owners: Owners = {}
    waiting = iter(tenants)

    async def client() -> None:
        async with Connection(api) as connection:
            for tenant in waiting:
                owners[tenant.tenant_id] = tenant.number
                closes = tenant.number % 10 == 0
                await tell(Told(connection, tenant, owners), tenant, closes=closes)

    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    return owners


def path_of(template: str, values: dict[str, str]) -> str:
    """A path with these values in place of its parameters."""
    return re.sub(r"\{(\w+)\}", lambda name: quote(values[name[1]], safe=""), template)
