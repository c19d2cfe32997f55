"""What no ingress of ours would have sent as a chunk of accruals, found by arrays.

A chunk names up to thousands of loans, and each is looked at three times before anything is
decided: ascending ids, amounts in range, the right partition.
"""

from typing import Any, Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from schemas.commands import AccrualChunk
from schemas.money import MAX_AMOUNT_MINOR

MAX_CHUNKS: Final = 5_000_000
"""A batch has as many loans at most. Postgres could not even keep a larger number in quarantine."""
MAX_CHUNK_LOANS: Final = 5_000
"""Above it the sum of a part could pass a bigint."""

_ID_BYTES: Final = 16


def _crc_tables() -> NDArray[np.uint32]:
    """What each value of each byte of an id adds to a CRC: of messages of one length it is affine,
    so the bytes' shares are combined by exclusive or.
    """
    nothing = crc32(bytes(_ID_BYTES))
    return np.array(
        [
            crc32(bytes(place) + bytes([value]) + bytes(_ID_BYTES - 1 - place)) ^ nothing
            for place in range(_ID_BYTES)
            for value in range(256)
        ],
        np.uint32,
    )


_CRC: Final = _crc_tables()
_PLACES: Final = 256 * np.arange(_ID_BYTES, dtype=np.intp)


def chunk_fault(chunk: AccrualChunk) -> str | None:
    """What is wrong with a chunk's arrays and manifest; None when they make sense."""
    count, rest = divmod(len(chunk.loan_ids), _ID_BYTES)
    if rest or not 0 < count <= MAX_CHUNK_LOANS:
        return "loan_ids is not 1 to 5,000 ids"
    if len(chunk.principals) != 8 * count or len(chunk.interests) != 8 * count:
        return "the arrays differ in length"
    high, low = np.frombuffer(chunk.loan_ids, ">u8").reshape(count, 2).T
    ascend = (high[:-1] < high[1:]) | ((high[:-1] == high[1:]) & (low[:-1] < low[1:]))
    if not ascend.all():
        return "loan_ids do not ascend"
    for packed in (chunk.principals, chunk.interests):
        amounts_minor = np.frombuffer(packed, ">i8")
        if amounts_minor.min() < 0 or amounts_minor.max() > MAX_AMOUNT_MINOR:
            return "an amount is out of range"
    if chunk.chunks_total > MAX_CHUNKS:
        return f"chunks_total is more than {MAX_CHUNKS}"
    return None if chunk.chunks_total > 0 else "a chunk without its manifest"


def partitions_of(chunk: AccrualChunk, partition_count: int) -> NDArray[Any]:
    """The partition that owns each loan, as `schemas.partitioning` says."""
    loan_ids = np.frombuffer(chunk.loan_ids, np.uint8).reshape(-1, _ID_BYTES)
    shares = _CRC[loan_ids + _PLACES]
    of_tenant = crc32(bytes(_ID_BYTES), crc32(chunk.tenant_id.bytes))
    crcs: NDArray[Any] = np.bitwise_xor.reduce(shares, axis=1) ^ np.uint32(of_tenant)
    return crcs % partition_count
