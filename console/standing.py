"""Whether the invariants hold, as far as the public API tells: one line each."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from markupsafe import Markup

from console import words
from console.api import Api, Body, Refused, Unreachable
from console.fragments import chip, link, tag

Line = tuple[str, str, str, str]
"""What should hold, what was found, its state, and where to look."""


async def checks(api: Api) -> Markup:
    """Every check that this client may make, and why not where it may not."""
    found = await asyncio.gather(*(_one(api, name, check) for name, check in _CHECKS))
    items = [
        tag(
            "li", tag("span", link(name, href), " ", tag("span", told, class_="faint")), chip(state)
        )
        for name, told, state, href in (line for lines in found for line in lines)
    ]
    return tag("ul", *items, class_="checks")


async def _one(api: Api, name: str, check: Callable[[Api], Awaitable[list[Line]]]) -> list[Line]:
    try:
        return await check(api)
    except Unreachable as error:
        return [(name, str(error), "failed", "/")]
    except Refused as refusal:
        told = words.NOT_HERE if refusal.status == 404 else words.sentence(refusal)[0]
        return [(name, told, "not told", "/")]


async def _sides(api: Api) -> list[Line]:
    totals = (await api.get("/trial-balance"))["totals"]
    unequal = [x["currency"] for x in totals if x["dr_balance_minor"] != x["cr_balance_minor"]]
    told = ", ".join(dict.fromkeys(x["currency"] for x in totals)) or "nothing posted"
    if unequal:
        told = f"unequal in {', '.join(unequal)}"
    return [
        ("Debits equal credits", told, "unbalanced" if unequal else "balanced", "/trial-balance")
    ]


async def _quarantine(api: Api) -> list[Line]:
    waiting = len((await api.get("/quarantine"))["items"])
    told = f"{waiting} commands wait" if waiting else "nothing waits"
    return [("No loan is quarantined", told, "quarantined" if waiting else "ok", "/quarantine")]


async def _partitions(api: Api) -> list[Line]:
    if not api.is_operator:
        return [("No partition is halted", "told to operators only", "not told", "/")]
    status: Body = await api.get("/operations/status")
    halted = status["halted_partitions"]
    told = (
        f"halted: {', '.join(map(str, halted))}" if halted else f"{len(status['partitions'])} run"
    )
    letters = status["dead_letter_count"]
    return [
        ("No partition is halted", told, "halted" if halted else "ok", "/"),
        ("No dead letters", f"{letters}", "failed" if letters else "ok", "/quarantine"),
    ]


async def _reconciled(api: Api) -> list[Line]:
    status = await api.get("/reconciliation/status")
    integrity, portfolio = status["ledger_integrity"], status["portfolio_rollup"]
    return [
        ("Balances equal the journal", f"{integrity['mismatched_account_count']} accounts differ",
         integrity["status"], "/reconciliation"),
        ("Loans sum to the general ledger", "principal", portfolio["status"], "/reconciliation"),
    ]  # fmt: skip


_CHECKS: Final = (
    ("Debits equal credits", _sides),
    ("No loan is quarantined", _quarantine),
    ("No partition is halted", _partitions),
    ("Reconciliation", _reconciled),
)
