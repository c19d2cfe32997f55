"""`hpts verify`, `hpts export`, `hpts proof`: words for people. Exit 0 sound, 1 not, 2 usage."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from hpts import cluster
from hpts.database import DatabaseRefused, snapshot
from hpts.local.credentials import CHECKPOINT_PUBLIC_KEY
from hpts.proving import export as exports
from hpts.proving import offline, proof, verifying
from hpts.proving.checkpoints import Evidence, evidence, from_file
from hpts.proving.findings import Report
from hpts.proving.seals import seals_of
from hpts.rebuilding.source import SourceDamaged
from hpts.words import HERE, USAGE, AsJson, DataDir, end, err, kafka_security, out, servers
from posting_engine.log_answers import LogUnavailable
from schemas.checkpoints import NotAKey, public_key_in
from schemas.topics import CHECKPOINTS

CheckpointFile = Annotated[
    Path | None,
    typer.Option("--checkpoint", help="Checkpoints, one a line. [default: those of the topic]"),
]
PublicKey = Annotated[
    Path | None,
    typer.Option("--public-key", help="By whom they must be signed. [default: the stack's key]"),
]
Unsigned = Annotated[
    bool, typer.Option("--unsigned", help="Leave signatures unchecked: where there is no key.")
]
_WIDTH: Final = 240
_MOST_TOLD: Final = 200
_UNREADABLE: Final = (
    *(DatabaseRefused, cluster.ClusterUnavailable, exports.Damaged, proof.NoProof, OSError),
    *(SourceDamaged, LogUnavailable),
)


def verify(
    checkpoints: Annotated[
        Path | None, typer.Argument(help="With --offline or --proof: the checkpoints, one a line.")
    ] = None,
    *,
    data_dir: DataDir = HERE,
    checkpoint: CheckpointFile = None,
    public_key: PublicKey = None,
    offline_export: Annotated[
        Path | None, typer.Option("--offline", help="Verify this export, without any server.")
    ] = None,
    proof_file: Annotated[
        Path | None, typer.Option("--proof", help="Verify this proof of one entry.")
    ] = None,
    schema: Annotated[
        str, typer.Option("--schema", help="Of a rebuilt ledger: its schema.")
    ] = "hpts",
    is_unsigned: Unsigned = False,
    may_have_none: Annotated[
        bool,
        typer.Option("--no-checkpoints", help="Let a partition pass of which nothing was signed."),
    ] = False,
    every_s: Annotated[
        float,
        typer.Option(
            "--checkpoint-seconds",
            envvar="HPTS_CHECKPOINT_SECONDS",
            help="How old entries may be before there is a checkpoint.",
        ),
    ] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Hold the books against themselves, and against the checkpoints that were signed of them."""
    given = checkpoint or checkpoints
    from_a_file = offline_export or proof_file
    if (offline_export and proof_file) or (checkpoint and checkpoints):
        end("give one of --offline and --proof, and the checkpoints once", USAGE)
    if from_a_file and given is None:
        told = "name the file of checkpoints, too: what they sign cannot be known from the export"
        end(told, USAGE)
    grace_s = None if may_have_none else every_s
    began = time.monotonic()
    entries: list[Any] = []
    with _told(), _progress(is_shown=not as_json) as progress:
        if offline_export is not None and given is not None:
            signed = from_file(given, _key(public_key, is_unsigned=is_unsigned))
            report = offline.verify(offline_export, signed, progress, grace_s=grace_s)
        elif proof_file is not None and given is not None:
            signed = from_file(given, _key(public_key, is_unsigned=is_unsigned))
            report, entries = proof.verify(proof_file, signed)
        else:
            dsn, bootstrap = servers(data_dir)
            key = _key(public_key, data_dir, is_unsigned=is_unsigned)
            signed = _evidence(bootstrap, given, key)
            due = None if grace_s is None else int((time.time() - grace_s) * 1_000_000)
            with snapshot(dsn, f"{schema},hpts_edge") as shot, shot.twin(dsn) as twin:
                seal_of = seals_of(dsn, bootstrap, kafka_security())
                report = verifying.verify(
                    shot, signed, progress, twin=twin, due=due, seal_of=seal_of
                )
    _tell(report, entries, time.monotonic() - began, as_json=as_json)
    raise typer.Exit(0 if report.is_sound else 1)


def export(
    file: Annotated[Path, typer.Argument(help="The file to write.")],
    *,
    data_dir: DataDir = HERE,
    as_json: AsJson = False,
) -> None:
    """Write the books to one file that can be verified without any server."""
    with _told(), _progress(is_shown=not as_json) as progress:
        dsn, _ = servers(data_dir)
        with snapshot(dsn) as shot:
            report = exports.write(shot, file, progress)
    if as_json:
        print(json.dumps(_as_json(report) | {"file": str(file)}, indent=1))
    else:
        out.print(f"hpts: {report.entries} entries, {report.lines} lines written to {file}")
        out.print("hpts: give it away together with checkpoints and the public key")
        if not report.is_sound:
            err.print("hpts: the books are not sound: run `hpts verify`")
    raise typer.Exit(0 if report.is_sound else 1)


def prove(
    entry_id: Annotated[UUID, typer.Argument(help="The journal entry's id.")],
    *,
    data_dir: DataDir = HERE,
    checkpoint: CheckpointFile = None,
    public_key: PublicKey = None,
    is_unsigned: Unsigned = False,
    output: Annotated[
        Path | None, typer.Option("--output", help="The file to write. [default: printed]")
    ] = None,
) -> None:
    """Prove one entry against the last checkpoint, without showing another one."""
    with _told():
        dsn, bootstrap = servers(data_dir)
        key = _key(public_key, data_dir, is_unsigned=is_unsigned)
        signed = _evidence(bootstrap, checkpoint, key)
        with snapshot(dsn) as shot:
            found = proof.prove(shot, entry_id, signed)
        if output is not None:
            output.write_bytes(proof.encoded(found))
    if output is None:
        print(proof.encoded(found).decode(), end="")
    else:
        out.print(f"hpts: the proof of {len(found.parts)} part(s) is written to {output}")


def _evidence(bootstrap: str, file: Path | None, key: Ed25519PublicKey | None) -> Evidence:
    if file is not None:
        return from_file(file, key)
    return evidence(cluster.messages(bootstrap, CHECKPOINTS, security=kafka_security()), key)


def _key(
    file: Path | None, data_dir: Path | None = None, *, is_unsigned: bool
) -> Ed25519PublicKey | None:
    """The key that is named, or the stack's own; None only where it is asked for."""
    if is_unsigned:
        if file is not None:
            end("give one of --public-key and --unsigned", USAGE)
        return None
    named = os.environ.get("HPTS_CHECKPOINT_PUBLIC_KEY_FILE")
    if file is None and named:
        file = Path(named)
    if file is None and data_dir is not None:
        own = data_dir / "secrets" / CHECKPOINT_PUBLIC_KEY
        file = own if own.exists() else None
    if file is None:
        told = "no public key is at hand, and checkpoints prove nothing without: name one with "
        end(f"{told}--public-key, or leave signatures unchecked with --unsigned", USAGE)
    try:
        return public_key_in(file)
    except (NotAKey, OSError) as reason:
        end(str(reason), USAGE)


@contextmanager
def _told() -> Iterator[None]:
    """Ends the process with 1 where something cannot be read."""
    try:
        yield
    except _UNREADABLE as reason:
        end(str(reason), 1)


@contextmanager
def _progress(*, is_shown: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A bar on standard error, where that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    disabled = not (is_shown and err.is_terminal)
    bar = Progress(*columns, TimeRemainingColumn(), console=err, transient=True, disable=disabled)
    with bar:
        task = bar.add_task("", total=None)
        yield lambda what, done, total: bar.update(
            task, description=what, completed=done, total=total
        )


def _tell(report: Report, entries: list[Any], seconds: float, *, as_json: bool) -> None:
    if as_json:
        told = _as_json(report) | {"seconds": round(seconds, 3)}
        print(json.dumps(told | ({"proven": entries} if entries else {}), indent=1))
        return
    for note in report.notes:
        err.print(f"hpts: note: {note}")
    if report.findings:
        table = Table("check", "where", "what", box=None)
        for finding in report.findings[:_MOST_TOLD]:
            table.add_row(finding.check, finding.where(), finding.told)
        Console(width=_WIDTH, soft_wrap=True, highlight=False, markup=False).print(table)
        if (more := len(report.findings) - _MOST_TOLD) > 0:
            out.print(f"hpts: and {more} more; --json has them all")
    for entry in entries:
        out.print(json.dumps(entry, indent=1, ensure_ascii=False))
    verdict = "sound" if report.is_sound else f"NOT SOUND, {len(report.findings)} findings"
    out.print(
        f"hpts: {verdict}: {report.entries} entries, {report.lines} lines, "
        f"{report.partitions} partitions in {seconds:.1f} s; {report.covered} entries are covered "
        f"by {report.checkpoints} signed checkpoints"
        if not entries
        else f"hpts: {verdict}: the entry above, against {report.checkpoints} signed checkpoints"
    )


def _as_json(report: Report) -> dict[str, Any]:
    return {
        "sound": report.is_sound,
        "partitions": report.partitions,
        "entries": report.entries,
        "lines": report.lines,
        "checkpoints": report.checkpoints,
        "covered_entries": report.covered,
        "findings": [finding.as_json() for finding in report.findings],
        "notes": report.notes,
    }
