"""Checkpoints as evidence: read from a file or the topic, and held against key and each other."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hpts.proving.findings import Finding
from schemas.checkpoints import Checkpoint, NotACheckpoint, Signed, read

MOST_ENTRIES: Final = (1 << 63) - 1


class Stretch(NamedTuple):
    """The entries behind `after_seq` and up to `through_seq`: when the first was still to come,
    every record before `next_offset` had been applied.
    """

    partition_id: int
    after_seq: int
    through_seq: int
    next_offset: int


@dataclass(slots=True)
class Evidence:
    """Checkpoints by partition, in order of their numbers, each once; and what was noted."""

    of_partition: dict[int, list[Checkpoint]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(map(len, self.of_partition.values()))

    def last(self, partition_id: int) -> Checkpoint | None:
        """The one that a partition had come furthest at, if it has any. Numbers do not tell: they
        begin anew where a database was lost.
        """
        return max(self.of_partition.get(partition_id, ()), key=_place, default=None)

    def stretches(self) -> list[Stretch]:
        """Where entries may come from, by all that was signed before them: offsets go on counting
        where the books were cut over to another topic.
        """
        return [stretch for partition_id in self.of_partition for stretch in self._of(partition_id)]

    def _of(self, partition_id: int) -> Iterator[Stretch]:
        in_order = sorted(self.of_partition[partition_id], key=_place)
        furthest: dict[int, int] = {}
        next_offset = 0
        for one in in_order:
            next_offset = furthest[one.entry_seq] = max(next_offset, one.next_offset)
        for after_seq, through_seq in pairwise([*furthest, MOST_ENTRIES]):
            yield Stretch(partition_id, after_seq, through_seq, furthest[after_seq])


def evidence(messages: Iterable[bytes], key: Ed25519PublicKey | None) -> Evidence:
    """What messages say. Without a key, signatures are not checked, and a note says so.

    A line that is none, as a crash may leave it, is left out and noted. What is not signed by the
    key is a fault, and counts for nothing.
    """
    found = Evidence()
    if key is None:
        found.notes.append("signatures are not checked: no public key is given")
    seen: set[bytes] = set()
    for number, message in enumerate(messages, 1):
        try:
            signed = read(message)
        except NotACheckpoint as reason:
            if message.strip():
                found.notes.append(f"line {number} of the checkpoints is left out: {reason}")
            continue
        if message in seen:
            continue
        seen.add(message)
        _take(signed, key, found)
    for partition_id, checkpoints in sorted(found.of_partition.items()):
        checkpoints.sort(key=lambda one: (one.number, one.entry_seq))
        _follow(partition_id, checkpoints, found)
    return found


def from_file(path: Path, key: Ed25519PublicKey | None) -> Evidence:
    """What a file of checkpoints says, one a line. Raises `OSError`."""
    with path.open("rb") as file:
        return evidence((line.rstrip(b"\n") for line in file), key)


def _place(one: Checkpoint) -> tuple[int, int, str]:
    return one.entry_seq, one.next_offset, one.made_at


def _take(signed: Signed, key: Ed25519PublicKey | None, found: Evidence) -> None:
    checkpoint = signed.checkpoint
    if key is not None and not signed.is_by(key):
        told = f"checkpoint of {checkpoint.made_at} is not signed by the key that is given"
        place = {"partition_id": checkpoint.partition_id, "checkpoint": checkpoint.number}
        found.findings.append(Finding("signature", told, place))
        return
    found.of_partition.setdefault(checkpoint.partition_id, []).append(checkpoint)


def _follow(partition_id: int, checkpoints: list[Checkpoint], found: Evidence) -> None:
    """Each must name the one before it, where that is at hand."""
    digests: dict[int, set[bytes]] = defaultdict(set)
    for one in checkpoints:
        digests[one.number].add(one.digest())
        before = digests.get(one.number - 1)
        if before is not None and one.previous not in before:
            told = f"checkpoint of {one.made_at} does not follow the one before it"
            place = {"partition_id": partition_id, "checkpoint": one.number}
            found.findings.append(Finding("checkpoint_chain", told, place))
    forks = [number for number, same in digests.items() if len(same) > 1]
    if forks:
        found.notes.append(
            f"partition {partition_id} has several checkpoints of number {forks[0]}: an engine "
            "went on from an older state, as after a restored backup"
        )
