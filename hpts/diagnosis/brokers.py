"""Kafka: whether it answers, whether it is safe for money, and whether it is our log."""

from collections.abc import Iterator
from typing import Final

from hpts.cluster import Cluster, ClusterUnavailable
from hpts.diagnosis.findings import Finding, judged
from hpts.words import kafka_security
from schemas.topics import COMMANDS

_AREA: Final = "Kafka"
TIMEOUT_S: Final = 10.0


def look(
    bootstrap: str, *, profile: str, durability: str | None, pinned: tuple[int, str] | None
) -> Iterator[Finding]:
    """`pinned`: partition count and topic id of the log that the books follow, where known."""
    cluster = Cluster(bootstrap, security=kafka_security(), timeout_s=TIMEOUT_S)
    try:
        count = len(cluster.brokers())
        faults = cluster.faults(profile=profile, durability=durability)
        commands = cluster.describe([COMMANDS]).get(COMMANDS)
    except ClusterUnavailable as error:
        start = "is it running, and may this machine reach it? `hpts status`"
        yield judged(_AREA, "brokers", str(error), fail=start)
        return
    yield judged(_AREA, "brokers", f"{count} at {bootstrap}")
    for fault in faults:
        alter = "alter it (kafka-configs), then `hpts migrate`"
        yield judged(_AREA, "settings", fault, fail=alter)
    if not faults:
        yield judged(_AREA, "settings", f"as profile {profile} needs them")
    if pinned is None or commands is None:
        return
    wanted_count, wanted_id = pinned
    is_ours = (commands.partitions, commands.topic_id) == (wanted_count, wanted_id)
    other = "" if is_ours else "point at the cluster that the books were made from"
    told = f"{commands.partitions} partitions, id {commands.topic_id}"
    yield judged(_AREA, COMMANDS, told, fail=other)
