"""Cutting over: the books go on from a new, empty topic of the same partitions.

    take every lease -> hold the archive against the books -> make the topics -> write the seals
        -> one transaction: other topic ids, bases, no witness

Killed before the last step, the books still follow the old log, and the next run finds its own
seals. What each record of the new log is held against is `posting_engine.sealing`'s.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hpts.archiving.check import check
from hpts.archiving.files import Files
from hpts.archiving.source import ArchiveSource
from hpts.cluster import Cluster, Reader
from hpts.cutting.new_log import made_topics, unsealed, write
from hpts.cutting.standing import (
    CutOverRefused,
    Standing,
    refuse_moved,
    refuse_other_archive,
    taken,
)
from hpts.database import Administrator, administrator
from hpts.key_ring import ring_of
from posting_engine.log import Sender
from schemas.crash_points import crash_point
from schemas.cut_over import CutOver
from schemas.kafka_security import PLAINTEXT, Security
from schemas.signing import SigningKey
from schemas.topic_policy import TopicInCluster
from schemas.topics import COMMANDS, OUTCOMES


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOverTo:
    """What is wanted. `bootstrap` is the new cluster, `old_bootstrap` the old one; None: lost."""

    admin_dsn: str
    bootstrap: str
    archive: Files
    signing_key_id: str
    profile: str
    durability: str | None = None
    old_bootstrap: str | None = None
    security: Security = field(default_factory=lambda: PLAINTEXT)

    def run(self) -> "Done":
        """Do it. Raises `CutOverRefused`, `SourceDamaged`, `TopicsRefused`, `LogUnavailable`,
        `ClusterUnavailable`, `ArchiveUnreachable` or `DatabaseRefused`; the books still follow the
        old log then.
        """
        with administrator(self.admin_dsn) as database:
            if not database.ask("lock_archive")[0][0]:
                raise CutOverRefused("an `hpts archive` or a cut-over of this ledger is running")
            keys = self._keys(database)
            cluster = Cluster(self.bootstrap, security=self.security)
            self._refuse_the_same_topic(database, cluster)
            standings = taken(database, f"hpts-cutover/{os.getpid()}")
            crash_point("cut-over-leases-taken")
            manifest_sha256 = self._held_by_the_archive(standings)
            self._refuse_a_longer_log(standings)
            topics = made_topics(
                cluster, len(standings), profile=self.profile, durability=self.durability
            )
            crash_point("cut-over-topics-made")
            with database.whole():
                refuse_moved(database, standings)
            self._seal([one.seal(manifest_sha256) for one in standings], *keys)
            crash_point("cut-over-sealed")
            self._refuse_a_longer_log(standings)
            _follow(database, standings, topics)
        ends = {one.partition_id: one.next_offset for one in standings}
        return Done(standings[0].topic_id, topics[COMMANDS].topic_id, ends, manifest_sha256)

    def _held_by_the_archive(self, standings: Sequence[Standing]) -> str:
        """The hash of its manifest, once all of it has been read."""
        source = ArchiveSource(self.archive)
        refuse_other_archive(source.manifest, standings, self.archive.place)
        return check(source).manifest_sha256

    def _seal(
        self, seals: Sequence[CutOver], ring: Mapping[str, SigningKey], key: SigningKey
    ) -> None:
        missing = unsealed(Reader(self.bootstrap, security=self.security), seals, ring)
        sender = Sender(self.bootstrap, security=self.security)
        try:
            write(sender, missing, key)
        finally:
            sender.close()

    def _keys(self, database: Administrator) -> tuple[dict[str, SigningKey], SigningKey]:
        ring = ring_of(database)
        key = ring.get(self.signing_key_id)
        if key is None or key.tenants is not None or not key.may_sign(datetime.now(UTC)):
            raise CutOverRefused(
                f"signing key {self.signing_key_id} is not in force for every tenant (see `hpts "
                "keys list`), or has no secret here"
            )
        return ring, key

    def _refuse_the_same_topic(self, database: Administrator, cluster: Cluster) -> None:
        pinned = database.ask("load_pinned")
        if not pinned:
            raise CutOverRefused("the database has no ledger: run `hpts migrate` first")
        found = cluster.describe([COMMANDS]).get(COMMANDS)
        if found is not None and found.topic_id == pinned[0][1]:
            raise CutOverRefused(
                f"{self.bootstrap} has the topic that the books follow already, with id "
                f"{found.topic_id}: name the new cluster in HPTS_KAFKA_BOOTSTRAP"
            )

    def _refuse_a_longer_log(self, standings: Sequence[Standing]) -> None:
        """What the old log holds beyond the books would be lost."""
        if self.old_bootstrap is None:
            return
        found = Cluster(self.old_bootstrap, security=self.security).describe([COMMANDS])
        topic = found.get(COMMANDS)
        if topic is None or topic.topic_id != standings[0].topic_id:
            raise CutOverRefused(f"{self.old_bootstrap} has not the topic that the books follow")
        reader = Reader(self.old_bootstrap, security=self.security)
        for one in standings:
            end = one.base_offset + reader.bounds(COMMANDS, one.partition_id)[1]
            if end != one.next_offset:
                raise CutOverRefused(
                    f"partition {one.partition_id}: the old log ends at {end} and the books stand "
                    f"at {one.next_offset}: stop ingress and producers, let the engines apply the "
                    "rest, stop them, run `hpts archive`, and cut over then"
                )


@dataclass(frozen=True, slots=True)
class Done:
    """What was done: from which topic to which, and where each partition goes on."""

    old_topic_id: str
    topic_id: str
    ends: dict[int, int]
    manifest_sha256: str


def _follow(
    database: Administrator, standings: Sequence[Standing], topics: Mapping[str, TopicInCluster]
) -> None:
    """From here on the books follow the new log, or, killed before the commit, the old one."""
    with database.whole():
        refuse_moved(database, standings)
        topic_id = topics[COMMANDS].topic_id
        database.ask("cut_partitions_over", topic_id=topic_id)
        database.ask(
            "pin_other_topics",
            commands_topic_id=topic_id,
            outcomes_topic_id=topics[OUTCOMES].topic_id,
        )
        crash_point("cut-over-before-commit")
