"""Verifies an export, or the proof of one entry, against signed checkpoints. This file alone:
Python 3.11 or later and the package `cryptography`; nothing else of HPTS, no database, no network.

    python standalone.py export EXPORT CHECKPOINTS KEY.pem [--no-checkpoints]
    python standalone.py proof PROOF CHECKPOINTS KEY.pem

Prints what does not hold, a line each. Exit status: 0 sound, 1 not, 2 wrong usage. With
--no-checkpoints a partition may pass of which nothing was signed. What the bytes mean is in
docs/verification.md; this is a second way to the same answer as `hpts verify`.
"""

import json
import sys
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

SIGNED_WITHIN_S = 60
"""How old an entry of a partition without any checkpoint may be."""


class Checkpoint(NamedTuple):
    """What was signed of a partition after `entries` entries."""

    partition: int
    number: int
    entries: int
    head: bytes
    root: bytes


def checkpoints_in(path: Path, key: Ed25519PublicKey) -> tuple[list[Checkpoint], list[str]]:
    """The checkpoints of a file that the key has signed; and a fault for each that it has not."""
    found, faults = list[Checkpoint](), list[str]()
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        begin, middle = b'{"checkpoint":', b',"signature":"'
        body, _, rest = line.removeprefix(begin).rpartition(middle)
        if not line.startswith(begin) or not rest.endswith(b'"}'):
            continue  # part of a line, as a crash leaves it
        try:
            key.verify(bytes.fromhex(rest[:-2].decode()), body)
        except (InvalidSignature, ValueError):
            faults.append(f"checkpoint line {number} is not signed by the key")
            continue
        version, partition, count, entries, head, root, *_ = json.loads(body)
        if version != "hpts-checkpoint-1":
            faults.append(f"checkpoint line {number} is of the kind {version}")
            continue
        hashes = bytes.fromhex(head), bytes.fromhex(root)
        found.append(Checkpoint(partition, count, entries, *hashes))
    return found, faults


def merkle_root(hashes: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1: the root over entry hashes."""
    level = [sha256(b"\0" + one).digest() for one in hashes]
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        last = level[-1:] if len(level) % 2 else []
        level = [sha256(b"\1" + left + right).digest() for left, right in pairs] + last
    return level[0] if level else sha256().digest()


def verify_export(path: Path, signed: list[Checkpoint], *, may_have_none: bool) -> list[str]:
    """Everything that does not hold of an export."""
    faults = []
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        if manifest["format"] != "hpts-export-1":
            return [f"an export of the format {manifest['format']}"]
        made_at = datetime.fromisoformat(manifest["made_at"]).timestamp()
        due = 0 if may_have_none else (made_at - SIGNED_WITHIN_S) * 1_000_000
        known = {told["partition_id"] for told in manifest["partitions"]}
        gone = {one.partition for one in signed} - known
        faults += [f"partition {partition} is missing" for partition in sorted(gone)]
        for told in manifest["partitions"]:
            here = f"partition {told['partition_id']}"
            ours = [c for c in signed if c.partition == told["partition_id"]]
            faults += [f"{here}, {fault}" for fault in _of_partition(archive, told, ours, due)]
    return faults


def _of_partition(
    archive: zipfile.ZipFile, told: dict[str, Any], signed: list[Checkpoint], due: float
) -> Iterator[str]:
    """Entries posted before `due` (microseconds since 1970) need a checkpoint."""
    name = f"entries-{told['partition_id']:04d}.jsonl"
    head, hashes = bytes(32), list[bytes]()
    with archive.open(name) as lines:
        for number, line in enumerate(lines, 1):
            stored = bytes.fromhex(line[9:73].decode())
            canonical = line[len(b'{"hash":"","entry":') + 64 : -2]
            entry = json.loads(canonical)
            if number == 1 and not signed and entry[10] < due:
                yield "it has had entries for a while, and has no checkpoint"
            if entry[:3] != ["hpts-entry-2", told["partition_id"], number]:
                yield f"entry {number}: it says that it is {entry[:3]}"
            if sha256(head + canonical).digest() != stored:
                yield f"entry {number} ({entry[4]}): its hash is not that of its bytes"
            yield from (f"entry {number} ({entry[4]}): {fault}" for fault in _of_lines(entry[18]))
            head = stored
            hashes.append(head)
    if (len(hashes), head.hex()) != (told["last_entry_seq"], told["chain_head"]):
        yield "its journal does not end as the manifest says"
    for checkpoint in signed:
        if checkpoint.entries > len(hashes):
            yield f"checkpoint {checkpoint.number} signs more entries than there are"
        elif checkpoint.entries:
            of_then = hashes[: checkpoint.entries]
            if (of_then[-1], merkle_root(of_then)) != (checkpoint.head, checkpoint.root):
                yield f"what is there is not what checkpoint {checkpoint.number} signs"


def _of_lines(lines: list[Any]) -> Iterator[str]:
    if len(lines) < 2:
        yield f"it has {len(lines)} lines"
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for _, side, minor, currency, layer, *_ in lines:
        if side not in ("DR", "CR") or not isinstance(minor, int) or minor <= 0:
            yield f"{side} {minor} is no debit or credit"
        sums[currency, layer] += minor if side == "DR" else -minor
    yield from (f"it does not balance in {place}" for place, total in sums.items() if total)


def verify_proof(path: Path, signed: list[Checkpoint]) -> list[str]:
    """Everything that does not hold of a proof; prints the entry that it proves."""
    proof = json.loads(path.read_bytes())
    if proof["format"] != "hpts-proof-1" or not proof["parts"]:
        return [f"a proof of the format {proof['format']}"]
    faults = []
    for part in proof["parts"]:
        partition, number, size = part["partition_id"], part["entry_seq"], part["tree_size"]
        entry = json.loads(part["canonical"])
        print(json.dumps(entry, ensure_ascii=False))
        if entry[1:3] != [partition, number] or entry[4] != proof["journal_entry_id"]:
            faults.append(f"entry {number}: the bytes are of another entry")
        linked = bytes.fromhex(part["previous_hash"]) + part["canonical"].encode()
        root = _root_of_path(
            sha256(linked).digest(), number - 1, size, [*map(bytes.fromhex, part["audit_path"])]
        )
        if not any((c.partition, c.entries, c.root) == (partition, size, root) for c in signed):
            faults.append(f"entry {number}: the path leads to no checkpoint")
    return faults


def _root_of_path(entry_hash: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    """By the definition of the tree: what is left and right of the leaf, from the top down."""
    if size == 1:
        return sha256(b"\0" + entry_hash).digest() if index == 0 and not path else None
    if not path or not 0 <= index < size:
        return None
    left = 1 << (size - 1).bit_length() - 1  # the largest power of two below `size`
    if index < left:
        below = _root_of_path(entry_hash, index, left, path[:-1])
        return None if below is None else sha256(b"\1" + below + path[-1]).digest()
    below = _root_of_path(entry_hash, index - left, size - left, path[:-1])
    return None if below is None else sha256(b"\1" + path[-1] + below).digest()


def main(arguments: Sequence[str]) -> int:
    """Exit status."""
    may_have_none = list(arguments[4:]) == ["--no-checkpoints"]
    ways: dict[str, Callable[[Path, list[Checkpoint]], list[str]]] = {
        "export": partial(verify_export, may_have_none=may_have_none),
        "proof": verify_proof,
    }
    if len(arguments) != 4 + may_have_none or arguments[0] not in ways:
        print(__doc__, file=sys.stderr)
        return 2
    what, path, signed_path, key_path = arguments[:4]
    key = load_pem_public_key(Path(key_path).read_bytes())
    if not isinstance(key, Ed25519PublicKey):
        print("the key is no Ed25519 public key", file=sys.stderr)
        return 2
    signed, faults = checkpoints_in(Path(signed_path), key)
    try:
        faults += ways[what](Path(path), signed)
    except (ValueError, KeyError, TypeError, IndexError, OSError, zipfile.BadZipFile) as error:
        faults.append(f"{path} cannot be read: {error!r}")
    for fault in faults:
        print(fault)
    print(f"{'NOT SOUND' if faults else 'sound'}, against {len(signed)} signed checkpoints")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
