"""`/`: how the ledger is, every two seconds. Only what the public API tells.

The posting rate comes of `/operations/status` (operators: the whole ledger) or of this tenant's
newest entries; the answer times and refusals are those of what this session has posted.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from markupsafe import Markup
from nicegui import ui

from console import words
from console.api import Api, Body, Refused, Sent
from console.fragments import EMPTY, Column, chip, join, nothing, table, tag, trouble
from console.frame import Visit, draw, heading, page, panel, shielded
from console.pages.journal import entries_table
from console.sessions import Session
from console.standing import checks

EVERY_S: Final = 2.0
_RATE_OVER_S: Final = 10.0
_NEWEST: Final = 500
_SHOWN_ENTRIES: Final = "8"
_PARTITIONS: Final = (
    Column("Partition"),
    Column("Position", is_number=True),
    Column("Entries", is_number=True),
    Column("Lag, commands", is_number=True),
    Column("Lag, s", is_number=True),
    Column("Quarantined", is_number=True),
    Column("State"),
)


@page("/", title="Overview", section="/")
async def overview(visit: Visit) -> None:
    """Tiles, invariants, health, refusals and the newest entries."""
    session = visit.session
    heading("Overview", "Live, through the public API.")
    tiles = draw(EMPTY)
    with ui.element("div").classes("columns"):
        with panel("Invariants"):
            invariants = draw(EMPTY)
        with panel("Health of every part"):
            health = draw(EMPTY)
    with panel("Refusals by code", "of what this session has sent"):
        refusals = draw(EMPTY)
    with panel("Newest entries"):
        newest = draw(EMPTY)

    async def refresh() -> None:
        try:
            status = await _status(session.api)
        except words.EXPECTED as error:
            tiles.content = str(trouble(error))
            return
        books, parts, latest = await asyncio.gather(
            shielded(checks(session.api)),
            shielded(_health(session.api)),
            shielded(_latest(session.api)),
        )
        tiles.content = str(await shielded(_tiles(session, status)))
        invariants.content = str(books)
        health.content = str(join(parts, _partitions(status)))
        refusals.content = str(_refusals(session))
        newest.content = str(latest)

    await refresh()
    ui.timer(EVERY_S, refresh, immediate=False)


async def _status(api: Api) -> Body | None:
    """`/operations/status` where the client may read it."""
    if not api.is_operator:
        return None
    try:
        return await api.get("/operations/status")
    except Refused as refusal:
        if refusal.status == 403:
            return None
        raise


async def _tiles(session: Session, status: Body | None) -> Markup:
    rate, whose, points = await _rate(session, status)
    sent = session.api.sent
    lag = (
        [_tile("Lag", f"{status['lag_seconds']}", "s", f"{status['lag_commands']:,} commands wait",
               "good" if status["lag_seconds"] <= 5 else "bad")]
        if status
        else [_tile("Lag", "–", "", "told to operators only")]
    )  # fmt: skip
    return tag(
        "div",
        _tile("Posting rate", f"{rate:,.1f}", "entries/s", whose, more=_spark(points)),
        *lag,
        _answers_tile(sent),
        _tile("Sent by this session", f"{sent.posted_count:,}", "posted",
              f"{sum(sent.refusals.values()):,} refused"),
        class_="tiles",
    )  # fmt: skip


def _answers_tile(sent: Sent) -> Markup:
    slowest, middle = sent.quantile_ms(0.99), sent.quantile_ms(0.5)
    if slowest is None or middle is None:
        return _tile("Answers, p99", "–", "", "nothing sent in this session yet")
    return _tile(
        "Answers, p99", f"{slowest:,.0f}", "ms", f"p50 {middle:,.0f} ms, durable and posted"
    )


async def _rate(session: Session, status: Body | None) -> tuple[float, str, list[float]]:
    """Entries per second of late, whose they are, and the course of it."""
    if status is None:
        since = datetime.now(UTC) - timedelta(seconds=_RATE_OVER_S)
        page = await session.api.get("/journal-entries", order="desc", page_size=str(_NEWEST))
        recent = [x for x in page["items"] if x["posted_at"] >= since.isoformat()]
        return len(recent) / _RATE_OVER_S, "this tenant, last 10 s", []
    total = sum(one["last_entry_seq"] for one in status["partitions"])
    points = session.positions
    points.append((time.monotonic(), total))
    rates = [
        (after[1] - before[1]) / max(0.001, after[0] - before[0])
        for before, after in zip(points, list(points)[1:], strict=False)
    ]
    begun = next(p for p in points if p[0] >= points[-1][0] - _RATE_OVER_S)
    seconds = points[-1][0] - begun[0]
    rate = (total - begun[1]) / seconds if seconds > 0 else 0.0
    return rate, "whole ledger, last 10 s", rates


def _tile(
    name: str, figure: str, unit: str, note: str, tone: str = "", more: Markup | None = None
) -> Markup:
    return tag(
        "div",
        tag("div", name, class_="name"),
        tag("div", figure, tag("span", unit, class_="unit") if unit else None, class_="figure"),
        tag("div", note, class_="faint small"),
        more,
        class_=f"tile {tone}",
    )


def _spark(rates: list[float]) -> Markup | None:
    """The rate's course as a line; None before there are two points."""
    if len(rates) < 2:
        return None
    highest = max(*rates, 1.0)
    points = " ".join(
        f"{100 * n / (len(rates) - 1):.1f},{30 - 28 * rate / highest:.1f}"
        for n, rate in enumerate(rates)
    )
    line = tag("polyline", points=points)
    return tag("svg", line, viewBox="0 0 100 32", preserveAspectRatio="none", class_="spark",
               role="img", aria_label=f"Rate of late, at most {highest:.1f} a second")  # fmt: skip


async def _health(api: Api) -> Markup:
    """`/health/ready` and what it names."""
    try:
        told = await api.get("/health/ready")
    except Refused as refusal:
        if "not_ready" not in refusal.problem:
            raise
        faults = refusal.problem["not_ready"]
        rows = [(name, why, "failed") for name, why in faults.items()]
        return _checks([("API", "answers, but is not ready", "busy"), *rows])
    warnings = [(name, why, "busy") for name, why in told.get("warnings", {}).items()]
    return _checks([
        ("API, database, broker, schema", "answer", "ready"),
        ("Posting engine", "within its lag", "ready"),
        *warnings,
    ])  # fmt: skip


def _checks(rows: list[tuple[str, str, str]]) -> Markup:
    items = [
        tag("li", tag("span", tag("strong", name), f" {told}"), chip(state))
        for name, told, state in rows
    ]
    return tag("ul", *items, class_="checks")


def _partitions(status: Body | None) -> Markup:
    if status is None:
        return nothing("Partitions, lag and halts are told to an operator's client only.")
    rows = [
        (
            str(one["partition_id"]),
            f"{one['next_offset']:,}",
            f"{one['last_entry_seq']:,}",
            str(one["lag_commands"] or 0),
            str(one["lag_seconds"]),
            str(one["quarantined_count"]),
            chip(f"halted: {one['halted_because']}", "bad")
            if one["halted_because"]
            else chip("running"),
        )
        for one in status["partitions"]
    ]
    told = table(_PARTITIONS, rows, empty="There is no partition.", label="Partitions")
    fenced = status["fenced_writer_count"]
    consumers = [
        (
            f"Deliveries: {one['name'].replace('_', ' ')}",
            f"{one['lag_entries']:,} entries, {one['lag_seconds']} s behind",
            "halted" if one["halted_partitions"] else "running",
        )
        for one in status.get("deliveries", [])
    ]
    details = tag(
        "details",
        tag("summary", f"{len(rows)} partitions, {fenced} fenced writers, "
            f"{status['dead_letter_count']} dead letters"),
        told,
    )  # fmt: skip
    return join(_checks(consumers), details)


async def _latest(api: Api) -> Markup:
    found = await api.get("/journal-entries", order="desc", page_size=_SHOWN_ENTRIES)
    return entries_table(found["items"])


def _refusals(session: Session) -> Markup:
    stopped = session.traffic.trouble
    told = tag("p", f"Demo traffic waits: {stopped}", class_="trouble") if stopped else None
    counted = session.api.sent.refusals.most_common()
    if not counted:
        return join(told, nothing("None. A refusal is an answer, with a code and a reason."))
    columns = (Column("Code"), Column("Times", is_number=True))
    rows = [(tag("code", code), f"{times:,}") for code, times in counted]
    return join(told, table(columns, rows, empty="", label="Refusals by code"))
