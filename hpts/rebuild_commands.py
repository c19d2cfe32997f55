"""`hpts replay`, `hpts digest`, `hpts diff`: rebuilding the books and comparing them. Words for
people; the work is `hpts.rebuilding`'s.
"""

import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from hpts.cluster import ClusterUnavailable
from hpts.database import DatabaseRefused, administrator
from hpts.local import control
from hpts.rebuilding import diff as comparing
from hpts.rebuilding import rebuild, schema
from hpts.rebuilding.digest import Digest, digest
from hpts.rebuilding.replay import CannotReplay
from hpts.rebuilding.source import SourceDamaged
from hpts.rebuilding.topic import LogUnreachable
from posting_engine.log import LogUnavailable
from posting_engine.positions import Fenced, StoreUnavailable

USAGE: Final = 2
DataDir = Annotated[
    Path, typer.Option("--data-dir", help="The running stack, unless HPTS_* name another.")
]
AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]
_HERE: Final = Path(".hpts")
_PLACE: Final = re.compile(r"(0|[1-9][0-9]{0,3}):(0|[1-9][0-9]{0,18})", re.ASCII)
_out: Final = Console(soft_wrap=True, highlight=False, markup=False)
_err: Final = Console(soft_wrap=True, highlight=False, markup=False, stderr=True)
_EXPECTED: Final = (
    *(CannotReplay, SourceDamaged, schema.SchemaRefused, DatabaseRefused),
    *(ClusterUnavailable, LogUnreachable, LogUnavailable, StoreUnavailable, Fenced),
)


def add_to(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.command()(replay)
    app.command("digest")(show_digest)
    app.command("diff")(show_diff)


def replay(
    *,
    into: Annotated[str, typer.Option("--into", help="The schema to rebuild in: new, or begun.")],
    until: Annotated[
        str | None,
        typer.Option(help="Stop after these records: PARTITION:OFFSET,… [default: the log's end]"),
    ] = None,
    is_to_promote: Annotated[
        bool, typer.Option("--promote", help="Then put it in the place of the live books.")
    ] = False,
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Records a transaction.")] = 1_000,
    processes: Annotated[
        int | None, typer.Option(min=1, max=64, help="[default: one for each processor]")
    ] = None,
    data_dir: DataDir = _HERE,
    as_json: AsJson = False,
) -> None:
    """Rebuild the books from the log, in a schema beside the live ones; nothing leaves it.

    Killed at any moment, the same command goes on from where it stood.
    """
    last = _places(until)
    if last is not None and is_to_promote:
        _end("books that stop before the log's end are not promoted: leave out --until", USAGE)
    admin_dsn, bootstrap = _servers(data_dir)
    began = time.monotonic()
    with _told(), _bar() as look:
        done = rebuild.rebuild(
            admin_dsn,
            bootstrap,
            into,
            until=last,
            batch_records=batch,
            processes=processes,
            on_look=look,
        )
        old = rebuild.promote(admin_dsn, bootstrap, into) if is_to_promote else None
    seconds = time.monotonic() - began
    told = {
        "schema": schema.LIVE if is_to_promote else into,
        "records": done.records,
        "seconds": round(seconds, 3),
        "promoted": is_to_promote,
        "previous_schema": old,
        "next_offsets": done.next_offsets,
    }
    if as_json:
        print(json.dumps(told, indent=1))
        return
    rate = f", {done.records / seconds:,.0f} a second" if done.records else ""
    _out.print(f"hpts: {done.records:,} records applied in {seconds:,.1f} s{rate}")
    if is_to_promote:
        kept = f"; what was live is {old} now" if old else ""
        _out.print(f"hpts: {into} is live{kept}")
    else:
        _out.print(f"hpts: compare with `hpts diff {into}`, put in place with `--promote`")


def show_digest(
    name: Annotated[str, typer.Argument(help="A schema.")] = schema.LIVE,
    *,
    data_dir: DataDir = _HERE,
    as_json: AsJson = False,
) -> None:
    """Say what books come to: a hash over every row that follows from the log."""
    admin_dsn = _servers(data_dir, needs_log=False)[0]
    with _told(), administrator(admin_dsn) as database:
        _check_books(database, name)
        found = digest(database, name)
    if as_json:
        print(json.dumps(_members(found), indent=1))
        return
    table = Table("partition", "applied to", "entries", "outcomes", "loans", "chain head", box=None)
    for one in found.partitions:
        counts = [str(one.tables[of].rows) for of in ("command_outcomes", "loans")]
        place = [str(one.partition_id), str(one.next_offset), str(one.last_entry_seq)]
        table.add_row(*place, *counts, one.chain_head[:16])
    _out.print(table)
    _out.print(f"hpts: {name} comes to {found.sha256}")


def show_diff(
    one: Annotated[str, typer.Argument(help="A schema.")],
    other: Annotated[str, typer.Argument(help="Another.")] = schema.LIVE,
    *,
    data_dir: DataDir = _HERE,
    as_json: AsJson = False,
) -> None:
    """Say whether two books are equal, or where they first differ; exit status 0 or 1."""
    admin_dsn = _servers(data_dir, needs_log=False)[0]
    with _told(), administrator(admin_dsn) as database:
        for name in (one, other):
            _check_books(database, name)
        found = comparing.compare(database, one, other)
    if as_json:
        print(json.dumps(_comparison(found, one, other), indent=1))
    else:
        _show(found, one, other)
    raise typer.Exit(0 if found.are_equal else 1)


def _show(found: comparing.Comparison, one: str, other: str) -> None:
    for partition_id, here, there in found.apart:
        _out.print(
            f"hpts: partition {partition_id}: {one} was applied to offset {here}, {other} to "
            f"{there}; of it only the journal was compared. `hpts replay --into` catches up."
        )
    for difference in found.differences:
        _out.print(f"hpts: {_words(difference, one, other)}")
    if found.are_equal:
        _out.print(f"hpts: {one} and {other} are equal: {found.one.sha256}")
    elif not found.differences:
        _out.print("hpts: no difference in what both have")


def _words(found: comparing.Difference, one: str, other: str) -> str:
    where = f"partition {found.partition_id}, {found.table}"
    if found.key is None:
        rows = [(one, found.one), (other, found.other)]
        sides = "; ".join(f"{name} has {_row(row)}" for name, row in rows)
        return f"{where}: {sides}"
    first, second = found.one or {}, found.other or {}
    columns = "; ".join(
        f"{name} is {first[name]} in {one} and {second[name]} in {other}" for name in found.differs
    )
    return f"{where}, {found.key}: {columns}"


def _row(row: Mapping[str, str] | None) -> str:
    return "none" if row is None else ", ".join(f"{name}={text}" for name, text in row.items())


def _members(found: Digest) -> dict[str, Any]:
    return {"sha256": found.sha256, "partitions": [asdict(one) for one in found.partitions]}


def _comparison(found: comparing.Comparison, one: str, other: str) -> dict[str, Any]:
    return {
        "equal": found.are_equal,
        "digests": {one: found.one.sha256, other: found.other.sha256},
        "apart": [{"partition_id": p, one: here, other: there} for p, here, there in found.apart],
        "differences": [asdict(difference) for difference in found.differences],
    }


def _check_books(database: Any, name: str) -> None:
    if name != schema.LIVE:
        schema.check_name(name)
    if not schema.has_books(database, name):
        raise schema.SchemaRefused(f"schema {name} holds no books")


def _places(text: str | None) -> dict[int, int] | None:
    """As `HPTS-Position`: the last record to be applied of each partition that is named."""
    if text is None:
        return None
    places: dict[int, int] = {}
    for part in text.split(","):
        found = _PLACE.fullmatch(part.strip())
        if found is None:
            _end(f"--until: {part!r} is no PARTITION:OFFSET", USAGE)
        places[int(found[1])] = int(found[2])
    return places


def _servers(data_dir: Path, *, needs_log: bool = True) -> tuple[str, str]:
    alone = os.environ.get("HPTS_POSTGRES_DSN")
    if alone and not needs_log:
        return alone, ""
    found = control.servers(data_dir.absolute(), os.environ)
    if found is None:
        _end(
            "set HPTS_POSTGRES_DSN and HPTS_KAFKA_BOOTSTRAP, or name the --data-dir of a running "
            f"stack (nothing runs on {data_dir})",
            USAGE,
        )
    return found


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except _EXPECTED as reason:
        _end(str(reason), 1)


@contextmanager
def _bar() -> Iterator[rebuild.Look]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f}, {task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_err, transient=True, disable=not _err.is_terminal) as progress:
        task = progress.add_task("replaying", total=0, rate=0.0)
        began = time.monotonic()

        def look(done: int, total: int) -> None:
            rate = done / max(time.monotonic() - began, 0.001)
            progress.update(task, completed=done, total=total, rate=rate)

        yield look


def _end(reason: str, status: int) -> NoReturn:
    _err.print(f"hpts: {reason}")
    raise typer.Exit(status)
