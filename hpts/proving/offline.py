"""`hpts verify --offline`: an export held against itself and what was signed."""

from pathlib import Path
from typing import Final

from hpts.proving.checkpoints import Evidence
from hpts.proving.export import Export, faults_of_sums
from hpts.proving.findings import Report
from hpts.proving.journal import Journal
from hpts.proving.verifying import Progress, hold_position, missing, take

_TOLD_EVERY: Final = 5_000


def verify(
    path: Path, evidence: Evidence, progress: Progress, *, grace_s: float | None = None
) -> Report:
    """Everything that does not hold of an export. Raises `Damaged` or `OSError`.

    Memory: the loans and account days of one partition. A partition that had entries for
    `grace_s` when the export was made must have a checkpoint; None: it need not.
    """
    report = Report(checkpoints=evidence.count)
    report.add(evidence.findings, evidence.notes)
    export = Export(path)
    due = None if grace_s is None else export.made_micros - int(grace_s * 1_000_000)
    total = sum(partition["last_entry_seq"] for partition in export.partitions)
    for partition in export.partitions:
        checkpoints = evidence.of_partition.get(partition["partition_id"], [])
        journal = Journal(partition["partition_id"], checkpoints, sums=True)
        for _ in export.read(partition, journal):
            if journal.last_seq % _TOLD_EVERY == 0:
                progress("the export", report.entries + journal.last_seq, total)
        journal.end(partition["chain_head"], partition["last_entry_seq"])
        hold_position(journal, partition, evidence)
        take(journal, report, is_signed=bool(checkpoints), due=due)
        report.add(faults_of_sums(journal, export, partition))
    report.add(missing({p["partition_id"] for p in export.partitions}, evidence))
    return report
