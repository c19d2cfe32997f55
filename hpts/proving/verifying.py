"""`hpts verify` against Postgres: one snapshot of the books, held against itself and the signed."""

from collections.abc import Callable, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from hpts.database import Snapshot
from hpts.proving import books
from hpts.proving.checkpoints import Evidence
from hpts.proving.findings import Finding, Report
from hpts.proving.journal import Journal
from schemas.checkpoints import Checkpoint
from schemas.cut_over import CutOver

Progress = Callable[[str, int, int], None]
"""What is being checked, entries done, entries in all."""
SealOf = Callable[[int], CutOver | None]
"""The rightly signed seal that a partition's topic begins with, if it begins with one."""
_TOLD_EVERY: Final = 5_000


def verify(
    shot: Snapshot,
    evidence: Evidence,
    progress: Progress | None = None,
    *,
    twin: Snapshot | None = None,
    due: int | None = None,
    seal_of: SealOf = lambda _partition_id: None,
) -> Report:
    """Everything that does not hold. Raises what the driver raises.

    Memory: some thousands of rows, and what Postgres needs to sort and to hash. With a `twin` of
    the snapshot, Postgres sums while the chain is recomputed. A partition with entries posted
    before `due` (microseconds since 1970) must have a checkpoint; None: it need not. `seal_of` is
    asked where the topic is not the one that was signed last.
    """
    with ThreadPoolExecutor(1) as beside:
        summed = None if twin is None else beside.submit(lambda: list(books.faults(twin)))
        tell = progress or (lambda _what, _done, _total: None)
        report = _verify_journals(shot, evidence, tell, due, seal_of)
        for check, findings in books.faults(shot) if summed is None else summed.result():
            tell(check, report.entries, report.entries)
            report.add(findings)
    return report


def _verify_journals(
    shot: Snapshot, evidence: Evidence, tell: Progress, due: int | None, seal_of: SealOf
) -> Report:
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
        hold_position(journal, partition, evidence, seal_of)
        take(journal, report, is_signed=bool(checkpoints), due=due)
    report.add(missing({partition["partition_id"] for partition in partitions}, evidence))
    report.add(books.backdated(shot, evidence.stretches()))
    return report


def missing(known: Set[int], evidence: Evidence) -> list[Finding]:
    """Partitions that were signed and are not there."""
    told = "it has checkpoints, and is not there"
    gone = sorted(evidence.of_partition.keys() - known)
    return [Finding("checkpoint", told, {"partition_id": partition_id}) for partition_id in gone]


def take(journal: Journal, report: Report, *, is_signed: bool, due: int | None) -> None:
    """Take in what a partition's journal showed, and whether something was signed of it in time."""
    if journal.last_seq and not is_signed:
        if due is not None and (journal.first_posted or 0) < due:
            journal.find("checkpoint", "it has had entries for a while, and has no checkpoint")
        else:
            report.notes.append(f"partition {journal.partition_id} has no checkpoint")
    report.add(journal.findings)
    report.partitions += 1
    report.entries += journal.last_seq
    report.lines += journal.lines
    report.covered += journal.covered


def hold_position(
    journal: Journal,
    partition: Mapping[str, Any],
    evidence: Evidence,
    seal_of: SealOf = lambda _partition_id: None,
) -> None:
    """Hold a partition's place in the log against the one that was signed last, and which log it
    is against that and the ledger's own (an export does not tell it). Another log is explained by
    a seal of the one that was signed.
    """
    topic_id, pinned = partition["topic_id"], partition.get("pinned_topic_id")
    last = evidence.last(journal.partition_id)
    if pinned is not None and pinned != topic_id:
        journal.find("topic", f"it follows topic {topic_id}, and the ledger {pinned}")
    is_other = last is not None and last.topic_id != topic_id
    if last is not None and is_other and not _explains(seal_of(last.partition_id), last, partition):
        told = f"it follows topic {topic_id}, and {last.topic_id} was signed"
        journal.find("topic", told, checkpoint=last.number)
    elif last is not None and last.next_offset > partition["next_offset"]:
        told = f"it stands at offset {partition['next_offset']}, and {last.next_offset} was signed"
        journal.find("position", told, checkpoint=last.number)


def _explains(seal: CutOver | None, last: Checkpoint, partition: Mapping[str, Any]) -> bool:
    """Whether it seals the log that was signed, behind what was, and the books have come to it."""
    return (
        seal is not None
        and (seal.partition_id, seal.old_topic_id) == (last.partition_id, last.topic_id)
        and last.next_offset <= seal.end_offset <= partition["next_offset"]
        and last.entry_seq <= seal.last_entry_seq <= partition["last_entry_seq"]
    )
