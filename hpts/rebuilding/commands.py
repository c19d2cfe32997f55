"""`hpts replay`, `hpts digest`, `hpts diff`. Words for people, JSON for machines."""

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from hpts.archiving.files import ArchiveUnreachable
from hpts.cluster import ClusterUnavailable
from hpts.database import Administrator, DatabaseRefused, administrator
from hpts.migrate import MigrationRefused
from hpts.rebuilding import rebuild, schema
from hpts.rebuilding.diff import Comparison, Difference, compare
from hpts.rebuilding.digest import Digest
from hpts.rebuilding.digest import digest as digest_of
from hpts.rebuilding.promoting import Promotion
from hpts.rebuilding.replay import BATCH_RECORDS, CannotReplay
from hpts.rebuilding.source import SourceDamaged
from hpts.words import HERE, USAGE, AsJson, DataDir, end, err, kafka_security, out, servers
from posting_engine.log_answers import LogUnavailable
from posting_engine.positions import DataRefused, Fenced, StoreUnavailable

EXPECTED: Final = (
    *(schema.SchemaRefused, SourceDamaged, ArchiveUnreachable, CannotReplay),
    *(ClusterUnavailable, DatabaseRefused, MigrationRefused, LogUnavailable),
    *(DataRefused, Fenced, StoreUnavailable),
)
_UNTIL: Final = re.compile(r"(0|[1-9][0-9]{0,3}):(0|[1-9][0-9]{0,18})", re.ASCII)

Schema = Annotated[str, typer.Argument(help="The schema that the books are in.")]
Result = TypeVar("Result")


def register(app: typer.Typer) -> None:
    """Give the command line these commands."""
    for command in (replay, digest, diff):
        app.command()(command)


def replay(
    *,
    into: Annotated[str, typer.Option("--into", help="The schema to rebuild in; it is made.")],
    until: Annotated[
        str, typer.Option("--until", help="The last offset to apply: PARTITION:OFFSET[,...].")
    ] = "",
    from_archive: Annotated[
        str | None,
        typer.Option("--from-archive", help="Read this archive first, then the topic after it."),
    ] = None,
    archive_alone: Annotated[
        bool, typer.Option("--archive-alone", help="Read the archive, and no topic after it.")
    ] = False,
    catch_up: Annotated[
        bool, typer.Option("--catch-up", help="Go on with a finished rebuild.")
    ] = False,
    promote: Annotated[
        bool, typer.Option("--promote", help="Catch up, then make it the live schema.")
    ] = False,
    despite_differences: Annotated[
        bool,
        typer.Option(
            "--despite-differences", help="With --promote: the live books are wrong, replace them."
        ),
    ] = False,
    processes: Annotated[
        int | None, typer.Option(min=1, max=64, help="At once. [default: one a core]")
    ] = None,
    batch_records: Annotated[
        int,
        typer.Option(
            "--batch", min=1, max=10_000, envvar="HPTS_REPLAY_BATCH", help="Records at a time."
        ),
    ] = BATCH_RECORDS,
    data_dir: DataDir = HERE,
    as_json: AsJson = False,
) -> None:
    """Rebuild the books from the log, in a schema of their own. Nothing is sent to anybody."""
    admin_dsn, bootstrap = servers(data_dir)
    wanted = rebuild.Rebuild(
        admin_dsn=admin_dsn,
        bootstrap=bootstrap,
        into=into,
        until=_until(until),
        archive=from_archive,
        archive_alone=archive_alone,
        goes_on=catch_up or promote,
        processes=processes,
        batch_records=batch_records,
        security=kafka_security(),
    )
    if archive_alone and from_archive is None:
        end("--archive-alone needs --from-archive", USAGE)
    if promote and archive_alone:
        end("--promote goes to the log's end: it cannot be had with --archive-alone", USAGE)
    if promote and until:
        end("--promote goes to the log's end: it cannot be had with --until", USAGE)
    if despite_differences and not promote:
        end("--despite-differences needs --promote", USAGE)
    with _shown() as watch:
        if promote:
            done = _told(lambda: wanted.promote(watch, despite_differences=despite_differences))
            _tell_promotion(done, into, as_json=as_json)
        else:
            _tell_progress(_told(lambda: wanted.run(watch)), into, as_json=as_json)


def digest(
    name: Schema = schema.LIVE, *, data_dir: DataDir = HERE, as_json: AsJson = False
) -> None:
    """Say what books come to: hashes of all that follows from the log, and one for all of it."""

    def ask() -> Digest:
        with administrator(_database(data_dir)) as database:
            _refuse_no_books(database, name)
            return digest_of(database, name)

    found = _told(ask)
    if as_json:
        print(json.dumps(asdict(found) | {"sha256": found.sha256}, indent=1))
        return
    table = Table("partition", "applied to", "entries", "chain head", "loans", "outcomes", box=None)
    for at in found.partitions:
        counts = [str(at.tables[name].rows) for name in ("loans", "command_outcomes")]
        place = (str(at.partition_id), str(at.next_offset), str(at.last_entry_seq))
        table.add_row(*place, at.chain_head[:16], *counts)
    out.print(table)
    out.print(f"hpts: {name} {found.sha256}")


def diff(
    one: Schema,
    other: Annotated[str, typer.Argument(help="The schema to compare with.")] = schema.LIVE,
    *,
    data_dir: DataDir = HERE,
    as_json: AsJson = False,
) -> None:
    """Compare two books: exit status 0 if equal, 1 with the first difference of each partition."""

    def ask() -> Comparison:
        with administrator(_database(data_dir)) as database:
            for name in (one, other):
                _refuse_no_books(database, name)
            return compare(database, one, other)

    found = _told(ask)
    if as_json:
        told: dict[str, Any] = {"equal": found.are_equal, "apart": found.apart}
        told["differences"] = [asdict(difference) for difference in found.differences]
        print(json.dumps(told | {one: found.one.sha256, other: found.other.sha256}, indent=1))
    else:
        _tell_comparison(found, one, other)
    raise typer.Exit(0 if found.are_equal else 1)


def _tell_progress(done: rebuild.Progress, into: str, *, as_json: bool) -> None:
    if as_json:
        told = {"into": into, "records": done.applied, "seconds": round(done.seconds, 3)}
        print(json.dumps(told | {"per_second": round(done.per_second)}))
        return
    out.print(
        f"hpts: {into} has {done.applied} records applied, {done.per_second:.0f} a second. "
        f"Compare it with `hpts diff {into}`."
    )


def _tell_promotion(done: Promotion, into: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(done) | {"promoted": into}))
        return
    for difference in done.differences:
        err.print(f"hpts: the live books were others: {difference}")
    old = f"what was live is {done.old} now" if done.old else "there were no live books"
    out.print(f"hpts: {into} is live; {old}; {done.reservations} keys were reserved again")


def _tell_comparison(found: Comparison, one: str, other: str) -> None:
    for partition_id, first, second in found.apart:
        out.print(
            f"hpts: partition {partition_id} is applied to {first} in {one} and to {second} in "
            f"{other}: compared as far as both go, in what only grows. To compare all of it: "
            "`hpts replay --catch-up` while the engines stand still"
        )
    for difference in found.differences:
        _tell_difference(difference, one, other)
    if found.are_equal:
        out.print(f"hpts: {one} and {other} are equal: {found.one.sha256}")
    elif not found.differences:
        out.print(f"hpts: nothing differs in what {one} and {other} both have")


def _tell_difference(difference: Difference, one: str, other: str) -> None:
    key = ", ".join(f"{name} {value}" for name, value in difference.key.items())
    out.print(f"hpts: {difference.table} ({key}):")
    if difference.one is None or difference.other is None:
        has, has_not = (one, other) if difference.other is None else (other, one)
        out.print(f"  in {has}, and not in {has_not}")
        return
    for column in difference.columns:
        out.print(f"  {column}: {difference.one[column]} in {one}")
        out.print(f"  {' ' * len(column)}  {difference.other[column]} in {other}")


class _shown:  # noqa: N801  # reads as a word where it is used
    """Progress on standard error, drawn on a terminal alone."""

    def __enter__(self) -> rebuild.Watch:
        columns = (TextColumn("replay"), BarColumn(), TextColumn("{task.fields[rate]:,.0f}/s"))
        self._bar = Progress(
            *columns, TimeRemainingColumn(), console=err, disable=not err.is_terminal
        )
        self._task = self._bar.add_task("replay", total=None, rate=0.0)
        self._bar.start()
        return self._show

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def _show(self, progress: rebuild.Progress) -> None:
        self._bar.update(
            self._task,
            completed=progress.applied,
            total=progress.total,
            rate=progress.per_second,
        )


def _until(text: str) -> Mapping[int, int]:
    found = [_UNTIL.fullmatch(item.strip()) for item in text.split(",")] if text else []
    if None in found:
        end(f"--until {text}: must be PARTITION:OFFSET[,...]", USAGE)
    return {int(one[1]): int(one[2]) for one in found if one is not None}


def _database(data_dir: Path) -> str:
    return os.environ.get("HPTS_POSTGRES_DSN") or servers(data_dir)[0]


def _refuse_no_books(database: Administrator, name: str) -> None:
    if not schema.is_name(name) or not schema.has_books(database, name):
        raise schema.SchemaRefused(f"there are no books in schema {name}")


def _told(ask: Callable[[], Result]) -> Result:
    """What was asked for; ends the process with 1 where it is refused."""
    try:
        return ask()
    except EXPECTED as reason:
        end(str(reason), 1)
