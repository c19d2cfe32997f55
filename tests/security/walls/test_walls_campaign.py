"""No marked byte crosses from one tenant to another: with both walls, with either alone; and with
neither the same campaign finds leaks, so it can see them.

HPTS_WALL_TENANTS and HPTS_WALL_REQUESTS make it longer (docs/security.md has such a run).
"""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from bench.client import Connection
from hpts.local.ledger import as_role
from tests.security.own_api import ROLES, own_api
from tests.security.walls.marked_tenants import Owners, Tenant, found, marks_in, tokens
from tests.security.walls.trespassing import OPERATIONS, Found, trespass

Stack = dict[str, Any]
TENANTS: Final = int(os.environ.get("HPTS_WALL_TENANTS", "24"))
REQUESTS: Final = int(os.environ.get("HPTS_WALL_REQUESTS", "1500"))
WITH_ONE_WALL: Final = max(REQUESTS // 4, 400)
SEED: Final = 8
OPEN: Final = "tests.security.walls.open_walls"

pytestmark = pytest.mark.timeout(180 + TENANTS + REQUESTS // 20)


class Marked:
    """The tenants of the campaign, and what the stack has logged since before their stories."""

    def __init__(self, stack: Stack, stack_dir: Path) -> None:
        self.stack, self.stack_dir = stack, stack_dir
        self._logged = {log: log.stat().st_size for log in stack_dir.glob("logs/*.log")}
        self.tenants: list[Tenant] = tokens(stack, stack_dir, TENANTS)
        self.owners: Owners = asyncio.run(found(stack["api_url"], self.tenants))

    def trespassed(self, api: str, requests: int) -> Found:
        """The campaign against an API. What a tenant has ever sent may come back to it."""
        return asyncio.run(trespass(api, self.tenants, self.owners, requests, SEED))

    def marks_logged(self) -> set[str]:
        """The marks that the stack's logs hold."""
        seen: set[str] = set()
        for log in self.stack_dir.glob("logs/*.log"):
            with log.open(errors="replace") as lines:
                lines.seek(self._logged.get(log, 0))
                seen |= marks_in(lines.read())
        return seen & self.owners.keys()


@pytest.fixture(scope="module")
def marked(stack: Stack, stack_dir: Path) -> Marked:
    return Marked(stack, stack_dir)


@pytest.fixture(scope="module")
def unwalled(stack: Stack) -> Iterator[dict[str, str]]:
    """The settings of an API whose roles have the same rights, and pass row-level security."""
    dsns = {}
    with psycopg.connect(stack["postgres_dsn"], autocommit=True) as administrator:
        for role, setting in ROLES.items():
            name, password = f"{role}_without_wall", uuid4().hex
            administrator.execute(
                sql.SQL("CREATE ROLE {} LOGIN BYPASSRLS PASSWORD {} IN ROLE {}").format(
                    sql.Identifier(name), sql.Literal(password), sql.Identifier(role)
                )
            )
            dsns[setting] = as_role(stack["postgres_dsn"], name, password)
        yield dsns
        for dsn in dsns.values():
            name = str(conninfo_to_dict(dsn)["user"])
            administrator.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_nothing_crosses_while_both_walls_stand(marked: Marked) -> None:
    seen = marked.trespassed(marked.stack["api_url"], REQUESTS)
    print(f"{TENANTS} tenants, {len(marked.owners)} marks, {REQUESTS} requests: {seen.answers}")
    assert seen.leaks == []
    assert seen.faults == []
    missed = {f"{method} {path}" for method, path, _ in OPERATIONS} - seen.routes.keys()
    assert missed == set()


def test_no_mark_is_logged(marked: Marked) -> None:
    assert marked.marks_logged() == set()


def test_every_tenant_s_totals_are_those_of_its_own_journal(marked: Marked) -> None:
    """A sum over other tenants' rows would show no mark."""

    async def sums(tenant: Tenant) -> tuple[dict[tuple[str, str], int], dict[tuple[str, str], int]]:
        async with Connection(marked.stack["api_url"]) as connection:
            who = {"authorization": f"Bearer {tenant.token}"}

            async def got(path: str) -> dict[str, Any]:
                status, answer = await connection.request("GET", path, who)
                assert status == 200, answer
                return dict(json.loads(answer))

            told: dict[tuple[str, str], int] = {}
            for item in (await got("/v1/trial-balance"))["items"]:
                side = (item["account_code"] + item["currency"], item["layer"])
                difference = int(item["dr_balance_minor"]) - int(item["cr_balance_minor"])
                told[side] = difference
            added: dict[tuple[str, str], int] = dict.fromkeys(told, 0)
            page = await got("/v1/journal-entries?page_size=500")
            while True:
                for line in (line for entry in page["items"] for line in entry["lines"]):
                    side = (line["account_code"] + line["currency"], line["layer"])
                    amount = int(line["amount_minor"])
                    added[side] += amount if line["direction"] == "DR" else -amount
                if (token := page.get("next_page_token")) is None:
                    return told, added
                page = await got(f"/v1/journal-entries?page_size=500&page_token={token}")

    for tenant in marked.tenants[:: max(1, len(marked.tenants) // 10)]:
        told, added = asyncio.run(sums(tenant))
        assert told == added
        assert told


def test_the_filter_alone_holds(marked: Marked, unwalled: dict[str, str]) -> None:
    with own_api(marked.stack, marked.stack_dir, **unwalled) as url:
        seen = marked.trespassed(url, WITH_ONE_WALL)
    assert (seen.leaks, seen.faults) == ([], [])


def test_row_level_security_alone_holds(marked: Marked) -> None:
    with own_api(marked.stack, marked.stack_dir, module=OPEN, WALLS_KEEP_UNSHIELDED="1") as url:
        seen = marked.trespassed(url, WITH_ONE_WALL)
    assert (seen.leaks, seen.faults) == ([], [])


def test_without_either_wall_the_same_campaign_finds_leaks(
    marked: Marked, unwalled: dict[str, str]
) -> None:
    with own_api(marked.stack, marked.stack_dir, module=OPEN, **unwalled) as url:
        seen = marked.trespassed(url, WITH_ONE_WALL)
    edges = {leak.split(":")[0] for leak in seen.leaks}
    assert len(edges) >= 5, edges
    assert any(one.startswith("POST ") or "/commands/" in one for one in edges), edges
