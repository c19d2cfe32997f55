"""`hpts doctor`: everything that start-up checks, and more. Words for people."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import typer
from rich.table import Table

from hpts.api_client import OperatorRefused, local_json
from hpts.database import DatabaseRefused, administrator
from hpts.diagnosis import books, brokers, machine, services
from hpts.diagnosis.findings import Finding, State, judged
from hpts.local import control
from hpts.words import HERE, AsJson, DataDir, out
from hpts_client import NoConnection, connection
from schemas import topic_policy
from schemas.scopes import OPERATIONS_READ

_MARKS: Final = {State.OK: "ok", State.WARN: "WARN", State.FAIL: "FAIL"}


def doctor(*, data_dir: DataDir = HERE, as_json: AsJson = False) -> None:
    """Look at machine, Kafka, Postgres, keys and services, and say what to mend.

    Exit status 0 when nothing fails (warnings may remain), 1 when something does.
    """
    findings = list(_all(data_dir.absolute()))
    counts = Counter(one.state for one in findings)
    if as_json:
        document = {"findings": [asdict(one) for one in findings], "counts": counts}
        print(json.dumps(document, indent=1))
    else:
        _show(findings)
        out.print(f"hpts: {counts[State.FAIL]} fail, {counts[State.WARN]} warn")
    raise typer.Exit(1 if counts[State.FAIL] else 0)


def _all(data_dir: Path) -> Iterator[Finding]:
    stack = _stack(data_dir)
    yield from machine.look(data_dir, stack)
    servers = control.servers(data_dir, os.environ)
    if servers is None:
        start = "start it (`hpts up`), or set HPTS_POSTGRES_DSN and HPTS_KAFKA_BOOTSTRAP"
        yield judged("stack", "servers", f"nothing runs on {data_dir}", fail=start)
        return
    dsn, bootstrap = servers
    pinned: tuple[int, str] | None = None
    try:
        with administrator(dsn) as database:
            yield from books.look(database)
            if database.has_schema("hpts_edge"):
                pinned = next(iter(database.ask("load_pinned")), None)
    except DatabaseRefused as error:
        see = "is it running, and is the DSN right? `hpts status`"
        yield judged("Postgres", "answers", str(error), fail=see)
    is_local = not os.environ.get("HPTS_KAFKA_BOOTSTRAP")
    usual = topic_policy.LOCAL if is_local else "production"
    yield from brokers.look(
        bootstrap,
        profile=os.environ.get("HPTS_PROFILE") or usual,
        durability=os.environ.get("HPTS_DURABILITY") or None,
        pinned=pinned,
    )
    try:
        where = connection(data_dir, scopes=(OPERATIONS_READ,))
    except NoConnection as reason:
        yield judged("API", "connection", str(reason), warn="without it, services are not seen")
        return
    yield from services.look(where)


def _stack(data_dir: Path) -> dict[str, Any] | None:
    try:
        return local_json(data_dir)
    except OperatorRefused:
        return None


def _show(findings: list[Finding]) -> None:
    table = Table("", "area", "what", box=None)
    table.add_column("found", overflow="fold")
    for one in findings:
        told = f"{one.told}\n-> {one.to_do}" if one.to_do else one.told
        table.add_row(_MARKS[one.state], one.area, one.name, told)
    out.print(table)
