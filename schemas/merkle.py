"""Merkle trees over a partition's entry hashes, as RFC 6962 section 2.1 defines them.

Leaf = SHA-256(0x00 ‖ entry hash), node = SHA-256(0x01 ‖ left ‖ right). A growing tree is kept as
its `Frontier`: the roots of its full subtrees, largest first, at most one a bit of its size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
_LEAF: Final = b"\0"
_NODE: Final = b"\1"


@dataclass(frozen=True, slots=True)
class Frontier:
    """The full subtrees of a tree of `size` leaves: what its growth and its root need."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    @classmethod
    def from_bytes(cls, size: int, packed: bytes) -> "Frontier":
        """From `packed`. Raises `ValueError` where the peaks are not those of such a tree."""
        if len(packed) != HASH_BYTES * size.bit_count():
            raise ValueError(f"{len(packed)} bytes are no frontier of {size} leaves")
        return cls(size, tuple(hashes_in(packed)))

    def packed(self) -> bytes:
        """The peaks, one after another."""
        return b"".join(self.peaks)

    def grown(self, entry_hashes: Sequence[bytes]) -> "Frontier":
        """With more leaves behind."""
        size, peaks = self.size, list(self.peaks)
        for entry_hash in entry_hashes:
            peak = sha256(_LEAF + entry_hash).digest()
            joins = size
            while joins & 1:  # two subtrees of one size are one of the next
                peak = sha256(_NODE + peaks.pop() + peak).digest()
                joins >>= 1
            peaks.append(peak)
            size += 1
        return Frontier(size, tuple(peaks))

    def root(self) -> bytes:
        """The tree's root; of no leaves, the hash of nothing."""
        if not self.peaks:
            return sha256().digest()
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = sha256(_NODE + peak + root).digest()
        return root


def audit_path(entry_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """What proves the leaf at `index` against the root, from the leaf upwards (section 2.1.1)."""
    size = len(entry_hashes)
    if not 0 <= index < size:
        raise IndexError(f"no leaf {index} in a tree of {size}")
    level = [sha256(_LEAF + entry_hash).digest() for entry_hash in entry_hashes]
    path = []
    while len(level) > 1:
        beside = index ^ 1
        if beside < len(level):
            path.append(level[beside])
        pairs = [
            sha256(_NODE + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)
        ]
        level = pairs + level[len(level) & ~1 :]  # the last of an odd level rises as it is
        index >>= 1
    return path


def root_of_path(entry_hash: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a path leads to from its leaf (RFC 9162 section 2.1.3.2); None where it is no
    path of that leaf in a tree of that size.
    """
    if not 0 <= index < size:
        return None
    root, last = sha256(_LEAF + entry_hash).digest(), size - 1
    for beside in path:
        if last == 0:
            return None
        if index & 1 or index == last:
            root = sha256(_NODE + beside + root).digest()
            while not index & 1 and index:
                index >>= 1
                last >>= 1
        else:
            root = sha256(_NODE + root + beside).digest()
        index >>= 1
        last >>= 1
    return root if last == 0 else None


def hashes_in(packed: bytes) -> list[bytes]:
    """Hashes that stand one after another."""
    return [packed[i : i + HASH_BYTES] for i in range(0, len(packed), HASH_BYTES)]
