"""`hpts verify` against Postgres: one snapshot of the books, held against itself and the signed."""

from collections.abc import Callable, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from hpts.database import Snapshot
from hpts.proving import books
from hpts.proving.checkpoints import Evidence
from hpts.proving.findings import Finding, Report
from hpts.proving.journal import Journal

Progress = Callable[[str, int, int], None]
"""What is being checked, entries done, entries in all."""
_TOLD_EVERY: Final = 5_000


def verify(
    shot: Snapshot,
    evidence: Evidence,
    progress: Progress | None = None,
    *,
    twin: Snapshot | None = None,
) -> Report:
    """Everything that does not hold. Raises what the driver raises.

    Memory: some thousands of rows, and what Postgres needs to sort and to hash. With a `twin` of
    the snapshot, Postgres sums while the chain is recomputed.
    """
    with ThreadPoolExecutor(1) as beside:
        summed = None if twin is None else beside.submit(lambda: list(books.faults(twin)))
        report = _verify_journals(shot, evidence, progress or (lambda _what, _done, _total: None))
        for check, findings in books.faults(shot) if summed is None else summed.result():
            if progress is not None:
                progress(check, report.entries, report.entries)
            report.add(findings)
    return report


def _verify_journals(shot: Snapshot, evidence: Evidence, tell: Progress) -> Report:
    report = Report(checkpoints=evidence.count)
    report.add(evidence.findings, evidence.notes)
    partitions = books.partitions(shot)
    total = sum(partition["last_entry_seq"] for partition in partitions)
    for partition in partitions:
        checkpoints = evidence.of_partition.get(partition["partition_id"], [])
        journal = Journal(partition["partition_id"], checkpoints)
        for _ in books.read(shot, partition, journal):
            if journal.last_seq % _TOLD_EVERY == 0:
                tell("the chain", report.entries + journal.last_seq, total)
        journal.end(partition["chain_head"], partition["last_entry_seq"])
        hold_position(journal, partition, evidence)
        take(journal, report, is_signed=bool(checkpoints))
    report.add(missing({partition["partition_id"] for partition in partitions}, evidence))
    last = [one for p in evidence.of_partition if (one := evidence.last(p)) is not None]
    topic_ids = {partition["partition_id"]: partition["topic_id"] for partition in partitions}
    report.add(books.backdated(shot, last, topic_ids))
    return report


def missing(known: Set[int], evidence: Evidence) -> list[Finding]:
    """Partitions that were signed and are not there."""
    told = "it has checkpoints, and is not there"
    gone = sorted(evidence.of_partition.keys() - known)
    return [Finding("checkpoint", told, {"partition_id": partition_id}) for partition_id in gone]


def take(journal: Journal, report: Report, *, is_signed: bool) -> None:
    """Take in what a partition's journal showed."""
    report.add(journal.findings)
    report.partitions += 1
    report.entries += journal.last_seq
    report.lines += journal.lines
    report.covered += journal.covered
    if journal.last_seq and not is_signed:
        report.notes.append(f"partition {journal.partition_id} has no checkpoint")


def hold_position(journal: Journal, partition: Mapping[str, Any], evidence: Evidence) -> None:
    """Hold a partition's place in the log against the one that was signed last."""
    last = evidence.last(journal.partition_id)
    if last is None or last.topic_id != partition["topic_id"]:
        return  # positions in another log cannot be compared
    if last.next_offset > partition["next_offset"]:
        told = f"it stands at offset {partition['next_offset']}, and {last.next_offset} was signed"
        journal.find("position", told, checkpoint=last.number)
