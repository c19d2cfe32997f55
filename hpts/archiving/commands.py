"""`hpts archive`: words for people; the work is in `archive` and `check`."""

import json
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.progress import Progress

from hpts.archiving.archive import Limits, Report
from hpts.archiving.archive import archive as write_archive
from hpts.archiving.check import check as check_archive
from hpts.archiving.files import ArchiveUnreachable, files_at
from hpts.archiving.manifest import ArchiveRefused
from hpts.archiving.source import ArchiveSource
from hpts.cluster import ClusterUnavailable
from hpts.database import DatabaseRefused, administrator
from hpts.rebuilding.schema import bases
from hpts.rebuilding.source import SourceDamaged
from hpts.rebuilding.topic import TopicSource
from hpts.words import HERE, AsJson, DataDir, end, err, kafka_security, out, servers
from posting_engine.log_answers import LogUnavailable

EXPECTED: Final = (
    *(ArchiveRefused, ArchiveUnreachable, SourceDamaged, DatabaseRefused),
    *(ClusterUnavailable, LogUnavailable),
)
_MIB: Final = 1024 * 1024


def archive(
    place: Annotated[str, typer.Argument(help="A folder, or s3://bucket/prefix.")],
    *,
    is_check: Annotated[
        bool, typer.Option("--check", help="Copy nothing: verify every file that is there.")
    ] = False,
    part_mib: Annotated[
        int, typer.Option("--part-mib", min=1, max=1024, help="Size of a file, uncompressed.")
    ] = 64,
    data_dir: DataDir = HERE,
    as_json: AsJson = False,
) -> None:
    """Copy the applied command log to files, going on from where they end; or verify them.

    Exit status 0: copied, or sound; 1: a fault was found, and is named; 2: usage.
    """
    try:
        told = _checked(place) if is_check else _copied(place, data_dir.absolute(), part_mib)
    except EXPECTED as reason:
        end(str(reason), 1)
    if as_json:
        print(json.dumps(told, indent=1))
    else:
        out.print(f"hpts: {_sentence(told, is_check=is_check)}")


def _checked(place: str) -> dict[str, Any]:
    source = ArchiveSource(files_at(place))
    total = sum(end - first for first, end in source.bounds().values())
    with Progress(console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("checking", total=total)
        found = check_archive(source, lambda _partition, n: progress.advance(task, n))
    return {
        "place": place,
        "topic_id": source.topic_id,
        "files": found.files,
        "records": found.records,
        "facts": found.facts,
        "bytes": found.bytes,
        "ends": {p: end for p, (_, end) in source.bounds().items()},
        "manifest_sha256": found.manifest_sha256,
    }


def _copied(place: str, data_dir: Path, part_mib: int) -> dict[str, Any]:
    admin_dsn, bootstrap = servers(data_dir)
    files = files_at(place)
    with (
        administrator(admin_dsn) as database,
        Progress(console=err, transient=True, disable=not err.is_terminal) as progress,
    ):
        task = progress.add_task("copying", total=None)
        report = write_archive(
            TopicSource(bootstrap, security=kafka_security(), bases=bases(database)),
            database,
            files,
            limits=Limits(part_bytes=part_mib * _MIB),
            on_progress=lambda _partition, n: progress.advance(task, n),
        )
    return _told(place, report)


def _told(place: str, report: Report) -> dict[str, Any]:
    manifest = report.manifest
    if manifest is None:
        raise TypeError("a run ends with a manifest")
    return {
        "place": place,
        "topic_id": manifest.last_topic.topic_id,
        "files": report.files,
        "records": report.records,
        "behind": report.behind,
        "ends": {one.partition_id: one.end for one in manifest.partitions},
        "manifest_sha256": report.sha256,
    }


def _sentence(told: dict[str, Any], *, is_check: bool) -> str:
    ends = sum(told["ends"].values())
    seal = f"manifest SHA-256 {told['manifest_sha256']}"
    if is_check:
        return (
            f"sound: {told['records']} records and {told['facts']} facts in {told['files']} files "
            f"({told['bytes']} bytes), {ends} offsets in all; {seal}"
        )
    text = f"copied {told['records']} records into {told['files']} files; {ends} offsets in all"
    if told["behind"]:
        which = ", ".join(map(str, told["behind"]))
        text += f" (the books are still behind the archive in partitions {which})"
    return f"{text}; {seal}"
