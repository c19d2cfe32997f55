"""The topic that is cut over to: empty, or with our seals and nothing else; and writing these."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from hpts.cluster import Cluster, Reader
from hpts.cutting.standing import CutOverRefused
from hpts.provision import made
from posting_engine.log import Sender, record_of
from posting_engine.sealing import seal_in
from schemas import codec, signing
from schemas.crash_points import crash_point
from schemas.cut_over import CutOver
from schemas.signing import SigningKey
from schemas.topic_policy import TopicInCluster, requirements
from schemas.topics import COMMANDS, SIGNATURE_HEADER

KEY: Final = b"cut-over"
"""Of the records. Nothing is chosen by it: each goes to the partition that it seals."""
_SENT_WITHIN_S: Final = 30.0


def made_topics(
    cluster: Cluster, partition_count: int, *, profile: str, durability: str | None
) -> Mapping[str, TopicInCluster]:
    """The ledger's topics on the new cluster, made where they are missing."""
    wanted = requirements(partition_count, profile=profile, durability=durability)
    return made(cluster, wanted, profile=profile)


def unsealed(
    reader: Reader, seals: Sequence[CutOver], ring: Mapping[str, SigningKey]
) -> list[CutOver]:
    """Those that are still to be written. Raises `CutOverRefused` where the topic holds, or has
    held, anything but one of these seals in each partition.
    """
    missing = []
    for seal in seals:
        partition_id = seal.partition_id
        begin, end = reader.bounds(COMMANDS, partition_id)
        found = list(reader.messages(COMMANDS, partition_id, begin, end))
        if (begin, end) == (0, 0):
            missing.append(seal)
        elif (begin, end) != (0, 1) or [seal_in(record_of(m), ring) for m in found] != [seal]:
            raise CutOverRefused(
                f"the new cluster has a topic {COMMANDS} with records in partition {partition_id} "
                "that are no seal of these books as they stand: remove that topic, if nothing "
                "else is in it, or name another cluster"
            )
    return missing


def write(sender: Sender, seals: Sequence[CutOver], key: SigningKey) -> None:
    """Each as the first record of its partition. Raises `CutOverRefused` where another was there
    first, and `LogUnavailable`.
    """
    offsets: dict[int, int] = {}

    def noted(partition_id: int) -> Callable[[int], None]:
        return lambda offset: offsets.update({partition_id: offset})

    for seal in seals:
        value = codec.encode(seal)
        sender.send(
            partition_id=seal.partition_id,
            key=KEY,
            value=value,
            headers=[(SIGNATURE_HEADER, signing.sign(key, value))],
            on_sent=noted(seal.partition_id),
        )
        crash_point("cut-over-seal-sent")
    deadline = time.monotonic() + _SENT_WITHIN_S
    while len(offsets) < len(seals):
        if time.monotonic() > deadline:
            raise CutOverRefused("the new cluster does not acknowledge the seals: run it again")
        sender.serve()
        time.sleep(0.01)
    for partition_id, offset in offsets.items():
        if offset != 0:
            raise CutOverRefused(
                f"somebody writes to the new topic: the seal of partition {partition_id} got "
                f"offset {offset}. Remove the topic, and cut over again."
            )
