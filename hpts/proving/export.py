"""`hpts export`: the books in one file, for whoever has neither our database nor our code.

A zip archive (docs/verification.md): for each partition the journal, an entry a line, with the
sub-balances of its loans and its day totals; last, `manifest.json` with the SHA-256 of each member.
"""

import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec

from hpts.database import Snapshot
from hpts.proving import books
from hpts.proving.findings import Finding, Report
from hpts.proving.journal import Journal
from hpts.proving.verifying import Progress

FORMAT: Final = "hpts-export-1"
MANIFEST: Final = "manifest.json"
HASH: Final = b'{"hash":"'
ENTRY: Final = b'","entry":'
END: Final = b"}\n"
"""A line of a journal: HASH, 64 hex digits, ENTRY, the canonical bytes, END."""
_LEVEL: Final = 1
_ROWS_AT_ONCE: Final = 4_000
_encode: Final = msgspec.json.Encoder().encode


def write(shot: Snapshot, path: Path, progress: Progress) -> Report:
    """Write the books to a file, whole or not at all; faults found on the way, which are exported
    all the same. Raises `OSError`.
    """
    report = Report()
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partitions = books.partitions(shot)
    total = sum(partition["last_entry_seq"] for partition in partitions)
    try:
        with zipfile.ZipFile(partial, "x", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
            told = []
            for partition in partitions:
                told.append(_write_partition(archive, shot, partition, report))
                progress("export", report.entries, total)
            manifest = {
                "format": FORMAT,
                "made_at": datetime.now(UTC).isoformat(),
                "partitions": told,
            }
            archive.writestr(MANIFEST, msgspec.json.format(_encode(manifest), indent=1) + b"\n")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return report


def _write_partition(
    archive: zipfile.ZipFile, shot: Snapshot, partition: Mapping[str, Any], report: Report
) -> dict[str, Any]:
    partition_id = partition["partition_id"]
    journal = Journal(partition_id)
    named = f"{partition_id:04d}.jsonl"
    lines = (
        HASH + journal.head.hex().encode() + ENTRY + canonical + END
        for canonical in books.read(shot, partition, journal)
    )
    members = [_write_member(archive, f"entries-{named}", lines)]
    for kind, rows in books.derived(shot, partition_id).items():
        member = (_encode(row) + b"\n" for row in rows)
        members.append(_write_member(archive, f"{kind}-{named}", member))
    journal.end(partition["chain_head"], partition["last_entry_seq"])
    report.partitions += 1
    report.entries += journal.last_seq
    report.lines += journal.lines
    report.findings += journal.findings
    return {
        "partition_id": partition_id,
        "topic_id": partition["topic_id"],
        "next_offset": partition["next_offset"],
        "last_entry_seq": partition["last_entry_seq"],
        "chain_head": partition["chain_head"].hex(),
        "members": dict(members),
    }


def _write_member(archive: zipfile.ZipFile, name: str, lines: Iterable[bytes]) -> tuple[str, str]:
    digest = sha256()
    with archive.open(name, "w", force_zip64=True) as member:
        for line in lines:
            digest.update(line)
            member.write(line)
    return name, digest.hexdigest()


class Damaged(Exception):
    """A file that is no export, or has been damaged. The message says where."""


_Text = str | None
_LineOf = tuple[str, str, int, str, str, _Text, _Text, _Text]
_Pairs = list[tuple[str, str]]
_EntryOf = tuple[
    str,
    int,
    int,
    str,
    str,
    int,
    str,
    str,
    str,
    str,
    int,
    str,
    _Text,
    int | None,
    str,
    _Text,
    _Pairs,
    _Pairs,
    list[_LineOf],
]
_entry: Final = msgspec.json.Decoder(_EntryOf)
_loan: Final = msgspec.json.Decoder(tuple[str, str, int, int, int, int, int])
_day: Final = msgspec.json.Decoder(tuple[str, str, str, str, str, str, str, str])


class Export:
    """An export that is read, partition by partition. Every method raises `Damaged`."""

    def __init__(self, path: Path) -> None:
        try:
            self._archive = zipfile.ZipFile(path)
            manifest = msgspec.json.decode(self._archive.read(MANIFEST))
            if manifest["format"] != FORMAT:
                raise Damaged(f"{path} is of the format {manifest['format']}")
            made_at = datetime.fromisoformat(manifest["made_at"])
            self.made_micros = int(made_at.timestamp() * 1_000_000)
            self.partitions: list[dict[str, Any]] = [
                {**told, "chain_head": bytes.fromhex(told["chain_head"])}
                for told in manifest["partitions"]
            ]
        except (zipfile.BadZipFile, KeyError, TypeError, ValueError, OverflowError) as error:
            raise Damaged(f"{path} is no export: {error}") from error

    def read(self, partition: Mapping[str, Any], journal: Journal) -> Iterator[None]:
        """Feed a partition's journal, entry by entry."""
        hashed, canonical_at = len(HASH), len(HASH) + 64 + len(ENTRY)
        for line in self._lines(partition, "entries"):
            is_one = line.startswith(HASH) and line[hashed + 64 : canonical_at] == ENTRY
            if not is_one or not line.endswith(END):
                raise Damaged(f"partition {partition['partition_id']}: no entry: {line[:80]!r}")
            canonical = line[canonical_at : -len(END)]
            try:
                stored = bytes.fromhex(line[hashed : hashed + 64].decode())
                entry = _entry.decode(canonical)
            except (ValueError, msgspec.DecodeError) as error:
                raise Damaged(f"partition {partition['partition_id']}: {error}") from error
            journal.feed(entry, canonical, stored)
            yield

    def loans(self, partition: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
        """As `books.derived` has them."""
        return map(_loan.decode, self._lines(partition, "loans"))

    def days(self, partition: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
        """As `books.derived` has them."""
        return map(_day.decode, self._lines(partition, "days"))

    def _lines(self, partition: Mapping[str, Any], kind: str) -> Iterator[bytes]:
        name = f"{kind}-{partition['partition_id']:04d}.jsonl"
        digest = sha256()
        try:
            with self._archive.open(name) as member:
                for line in member:
                    digest.update(line)
                    yield line
        except (zipfile.BadZipFile, KeyError, OSError, EOFError) as error:
            raise Damaged(f"{name}: {error}") from error
        if digest.hexdigest() != partition["members"].get(name):
            raise Damaged(f"{name} is not what the manifest says: the file was changed or damaged")


def faults_of_sums(journal: Journal, export: Export, partition: Mapping[str, Any]) -> list[Finding]:
    """Loans and day totals of an export that are not what the partition's lines add up to."""
    found = []
    here: dict[str, str | int] = {"partition_id": journal.partition_id}
    loans, days = journal.loans, journal.days
    last = ("", "")
    for tenant_id, loan_id, *balances in export.loans(partition):
        if (tenant_id, loan_id) <= last:
            found.append(Finding("loan_balance", "it is there twice", {**here, "loan_id": loan_id}))
        last = (tenant_id, loan_id)
        if (sums := loans.pop((tenant_id, loan_id), [0] * 5)) != balances:
            told = f"its sub-balances are {balances}, and its lines give {sums}"
            place = {**here, "tenant_id": tenant_id, "loan_id": loan_id}
            found.append(Finding("loan_balance", told, place))
    for *key, debit, credit in export.days(partition):
        totals = days.pop(tuple(key), None)
        if totals is None or [str(total) for total in totals] != [debit, credit]:
            told = f"posted on {key[5]}: {debit} debit, {credit} credit, and its lines are {totals}"
            found.append(Finding("day_total", told, {**here, **_day_named(key)}))
    found += [
        Finding("loan_balance", "its lines are there, and it is not", {**here, "loan_id": loan_id})
        for _, loan_id in loans
    ]
    return found + [
        Finding("day_total", "its lines are there, and it is not", {**here, **_day_named([*key])})
        for key in days
    ]


def _day_named(key: list[str]) -> dict[str, str]:
    names = ("tenant_id", "account_code", "currency", "layer", "day")
    return dict(zip(names, key, strict=False))
