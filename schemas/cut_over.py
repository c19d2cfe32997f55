"""The record that a new topic begins with, one in each partition: it seals the log before."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOver:
    """Where the old log ended (`end_offset` is its own offset, too, since offsets go on counting),
    how the partition's journal stood then, and the archive that holds the old log.
    """

    partition_id: int
    old_topic_id: str
    end_offset: int
    last_entry_seq: int
    chain_head: bytes
    manifest_sha256: bytes
