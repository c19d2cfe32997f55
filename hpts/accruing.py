"""`hpts accrue`: a batch of accruals from a file, over HTTP or to Kafka. Words for people."""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from hpts import accrual_targets
from hpts.words import HERE, USAGE, AsJson, end, err
from hpts_client import http, producer
from hpts_client.batch_file import BatchRefused, read_batch
from hpts_client.kafka import LinkLost
from schemas.cluster import ClusterRefused, ClusterUnavailable
from schemas.problems import ProblemError
from schemas.signing import UnreadableSecret
from schemas.strict_json import parse

INTERRUPTED: Final = 130
_MOST_LINE_BYTES: Final = 4 * 1024 * 1024
_BLOCK_BYTES: Final = 256 * 1024
_MOST_COUNTED: Final = 2_000
_TELL: Final = "Run the same command again: it goes on where this one stopped."
_CONVERGING: Final = (
    *(http.Unreachable, http.Stalled, producer.NotApplied, LinkLost, ClusterUnavailable),
)
_FINAL: Final = (ClusterRefused, UnreadableSecret, producer.KeyTaken)

Tell = Callable[[int, int], None]
"""Told how much is done, of how much."""


def accrue(
    file: Annotated[
        str,
        typer.Argument(help="NDJSON: the batch without its loans, then a loan a line. -: stdin"),
    ],
    *,
    by_kafka: Annotated[
        bool, typer.Option("--kafka", help="Write to Kafka directly, signed; needs no API.")
    ] = False,
    key: Annotated[
        str | None,
        typer.Option(help="Idempotency key. [default: accrual:PROGRAM_ID:ACCRUAL_DATE]"),
    ] = None,
    client: Annotated[
        str | None, typer.Option("--client", help="Act as this client of the stack.")
    ] = None,
    data_dir: Annotated[
        Path,
        typer.Option(
            "--data-dir",
            envvar="HPTS_DATA_DIR",
            help="The running stack, unless HPTS_* name another.",
        ),
    ] = HERE,
    as_json: AsJson = False,
) -> None:
    """Post a batch of accruals; exit status 0 when every loan has accrued, else 1.

    The same command again, whatever became of the first, posts nothing twice.
    """
    run = _by_kafka if by_kafka else _by_http
    began = time.monotonic()
    try:
        with _opened(file) as lines:
            result = run(lines, key, data_dir.absolute(), client)
    except (accrual_targets.Unusable, UsageFault) as reason:
        end(str(reason), USAGE)
    except BatchRefused as refused:
        end(f"the batch is refused, and nothing was sent:\n{refused}", 1)
    except http.Refused as refused:
        end("\n".join([str(refused), *refused.faults]), 1)
    except producer.KeyMalformed as reason:
        end(str(reason), USAGE)
    except _CONVERGING as reason:
        end(f"{reason}\n{_TELL}", 1)
    except _FINAL as reason:
        end(str(reason), 1)
    except KeyboardInterrupt:
        end(f"stopped; what was sent may post yet. {_TELL}", INTERRUPTED)
    result["seconds"] = round(time.monotonic() - began, 3)
    if as_json:
        print(json.dumps(result, indent=1))
    else:
        _show(result)
    is_whole = not result["rejected_count"] and not result.get("chunks_held")
    raise typer.Exit(0 if is_whole else 1)


class UsageFault(Exception):
    """The command line cannot be carried out as given."""


def _by_kafka(
    lines: BinaryIO, key: str | None, data_dir: Path, client: str | None
) -> dict[str, Any]:
    settings = accrual_targets.over_kafka(data_dir, client, os.environ)
    count = producer.partition_count(settings)
    batch = read_batch(lines, settings.tenant_id, count, datetime.now(UTC).date())
    terms = batch.header.terms
    chosen = key or _default_key(str(terms.program_id), terms.accrued_on.isoformat())
    with _bar("posting", "loans") as tell:
        report = producer.accrue(
            settings, batch, chosen, on_progress=lambda p: tell(p.loans_done, p.loans_total)
        )
    return report.members()


def _by_http(
    lines: BinaryIO, key: str | None, data_dir: Path, client: str | None
) -> dict[str, Any]:
    target = accrual_targets.over_http(data_dir, client, os.environ)
    first = lines.readline(_MOST_LINE_BYTES)
    header = _header(first)
    chosen = key or _default_key(header.get("program_id"), header.get("accrual_date"))
    media_type = http.DOCUMENT if "loans" in header else http.LINES
    size = _size_of(lines)
    with _bar("sending", "bytes") as tell:
        event_id = target.post(_blocks(first, lines, size, tell), media_type, chosen)

    def progress(found: dict[str, Any]) -> None:
        done = found["loan_count"] + found["rejected_count"]
        expected = found.get("expected_loan_count") or done
        tell_posting(done, expected)

    with _bar("posting", "loans") as tell_posting:
        found = target.follow(event_id, progress)
    result = {"idempotency_key": chosen, **found}
    if 0 < found["rejected_count"] <= _MOST_COUNTED:
        codes = (one["code"] for one in islice(target.rejections(event_id), _MOST_COUNTED))
        result["rejections"] = dict(sorted(Counter(codes).items()))
    return result


def _header(first: bytes) -> dict[str, Any]:
    """Just enough of the first line to name the batch; what is wrong with it the API will say."""
    try:
        value = parse(first).value
    except ProblemError:
        value = None
    if not isinstance(value, dict):
        raise UsageFault("the first line is not a JSON object: the batch without its loans")
    return value


def _default_key(program_id: object, accrual_date: object) -> str:
    if not isinstance(program_id, str) or not isinstance(accrual_date, str):
        raise UsageFault("the batch names no program_id and accrual_date: name a --key")
    return f"accrual:{program_id.lower()}:{accrual_date}"


def _blocks(first: bytes, lines: BinaryIO, size: int, tell: Tell) -> Iterator[bytes]:
    done = len(first)
    yield first
    while block := lines.read(_BLOCK_BYTES):
        yield block
        done += len(block)
        tell(done, max(size, done))


def _size_of(lines: BinaryIO) -> int:
    return os.fstat(lines.fileno()).st_size


def _opened(file: str) -> BinaryIO:
    if file == "-":
        return sys.stdin.buffer
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise UsageFault(f"cannot read {file}: {error.strerror}") from error


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:,.0f}/s")


@contextmanager
def _bar(doing: str, unit: str) -> Iterator[Tell]:
    """A bar with rate and time left, where a person watches."""
    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TextColumn(unit), _Rate())
    with Progress(
        *columns, TimeRemainingColumn(), console=err, disable=not err.is_terminal
    ) as progress:
        task = progress.add_task(doing, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _show(result: dict[str, Any]) -> None:
    refused = result["rejected_count"]
    print(
        f"hpts: {result['loan_count']:,} loans accrued, {result['total_accrued_minor']} in minor "
        f"units, in {result['seconds']:.1f} s"
    )
    print(f"hpts: accrual {result['accrual_event_id']}, entry {result['journal_entry_id']}")
    if refused:
        codes = ", ".join(f"{n:,} {code}" for code, n in result.get("rejections", {}).items())
        print(f"hpts: {refused:,} loans could not accrue" + (f": {codes}" if codes else ""))
        print(f"hpts: which ones: GET /v1/accruals/{result['accrual_event_id']}/rejections")
    if result["principal_mismatch_count"]:
        print(f"hpts: {result['principal_mismatch_count']:,} loans have another principal")
    if result.get("chunks_held"):
        print(f"hpts: {result['chunks_held']} chunks wait for an operator: hpts quarantine list")
