"""`hpts proof`: that an entry is in the books that a checkpoint signed, showing no other.

A Merkle audit path (RFC 6962): some twenty hashes, whatever the journal's length. A stretch of
the chain would need the bytes of every entry after it (docs/decisions/0030).
"""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec

from hpts.database import Snapshot
from hpts.proving import books
from hpts.proving.checkpoints import Evidence
from hpts.proving.findings import Finding, Report
from hpts.proving.journal import Journal
from schemas.chain import GENESIS
from schemas.checkpoints import Checkpoint
from schemas.merkle import audit_path, root_of_path

FORMAT: Final = "hpts-proof-1"


class NoProof(Exception):
    """The entry cannot be proven. The message says why."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The proof of one part of an entry; an entry that is whole has one. Hashes are hex."""

    partition_id: int
    entry_seq: int
    tree_size: int
    previous_hash: str
    canonical: str
    audit_path: list[str]


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """The file: every part of the entry."""

    format: str
    journal_entry_id: str
    parts: list[Part]


def prove(shot: Snapshot, entry_id: UUID, evidence: Evidence) -> Proof:
    """The proof of an entry against the last checkpoints of its partitions. Raises `NoProof`."""
    places = books.places_of(shot, entry_id)
    if not places:
        raise NoProof(f"there is no entry {entry_id}")
    partitions = {partition["partition_id"]: partition for partition in books.partitions(shot)}
    parts = []
    for partition_id, seqs in places.items():
        checkpoint = evidence.last(partition_id)
        if checkpoint is None or checkpoint.entry_seq < max(seqs):
            raise NoProof(
                f"entry {max(seqs)} of partition {partition_id} is in no checkpoint yet; "
                "the engine makes one within a minute"
            )
        parts += _parts(shot, partitions[partition_id], seqs, checkpoint)
    return Proof(format=FORMAT, journal_entry_id=str(entry_id), parts=parts)


def encoded(proof: Proof) -> bytes:
    """The file's bytes."""
    return msgspec.json.format(msgspec.json.encode(proof), indent=1) + b"\n"


def _parts(
    shot: Snapshot, partition: dict[str, Any], seqs: Iterable[int], checkpoint: Checkpoint
) -> list[Part]:
    journal, hashes, found = Journal(partition["partition_id"]), [GENESIS], dict[int, bytes]()
    wanted = set(seqs)
    for canonical in books.read(shot, partition, journal):
        if journal.last_seq > checkpoint.entry_seq:
            break
        hashes.append(journal.head)
        if journal.last_seq in wanted:
            found[journal.last_seq] = canonical
    if journal.findings or hashes[-1] != checkpoint.chain_head:
        raise NoProof("the journal is not what was signed: run `hpts verify`")
    leaves = hashes[1:]
    return [
        Part(
            partition_id=partition["partition_id"],
            entry_seq=seq,
            tree_size=len(leaves),
            previous_hash=hashes[seq - 1].hex(),
            canonical=canonical.decode(),
            audit_path=[one.hex() for one in audit_path(leaves, seq - 1)],
        )
        for seq, canonical in found.items()
    ]


def verify(path: Path, evidence: Evidence) -> tuple[Report, list[Any]]:
    """Whether a proof holds against checkpoints; and the entry's parts, as canonical arrays.

    Raises `NoProof` for a file that is none, and `OSError`.
    """
    try:
        proof = msgspec.json.decode(path.read_bytes(), type=Proof)
        entries = [msgspec.json.decode(part.canonical) for part in proof.parts]
    except msgspec.DecodeError as error:
        raise NoProof(f"{path} holds no proof: {error}") from error
    if proof.format != FORMAT or not proof.parts:
        raise NoProof(f"{path} holds a proof of the format {proof.format}")
    report = Report(checkpoints=evidence.count)
    report.add(evidence.findings, evidence.notes)
    for part, entry in zip(proof.parts, entries, strict=True):
        place = {"partition_id": part.partition_id, "entry_seq": part.entry_seq}
        if (told := _fault(part, entry, proof, evidence)) is not None:
            report.findings.append(Finding("proof", told, place))
        report.entries += 1
    return report, entries


def _fault(part: Part, entry: Any, proof: Proof, evidence: Evidence) -> str | None:
    if entry[1:3] != [part.partition_id, part.entry_seq] or entry[4] != proof.journal_entry_id:
        return "the entry's bytes are of another entry"
    signed = [
        one
        for one in evidence.of_partition.get(part.partition_id, ())
        if one.entry_seq == part.tree_size
    ]
    if not signed:
        return f"no checkpoint here signs {part.tree_size} entries of this partition"
    try:
        previous = bytes.fromhex(part.previous_hash)
        path = [bytes.fromhex(one) for one in part.audit_path]
    except ValueError:
        return "a hash of it cannot be read"
    entry_hash = sha256(previous + part.canonical.encode()).digest()
    root = root_of_path(entry_hash, part.entry_seq - 1, part.tree_size, path)
    if all(one.merkle_root != root for one in signed):
        return "the path does not lead to what was signed"
    return None
