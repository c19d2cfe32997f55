"""What the log says of a cut-over: the seals that its partitions begin with, rightly signed."""

from hpts.database import administrator
from hpts.key_ring import ring_of
from hpts.proving.verifying import SealOf
from hpts.rebuilding.topic import TopicSource
from posting_engine.sealing import seal_in
from schemas.cut_over import CutOver
from schemas.kafka_security import Security


def seals_of(dsn: str, bootstrap: str, security: Security) -> SealOf:
    """Where to ask for them; nothing is asked before. Asking raises `ClusterUnavailable`,
    `SourceDamaged`, `LogUnavailable` and `DatabaseRefused`.
    """

    def seal_of(partition_id: int) -> CutOver | None:
        with administrator(dsn) as database:
            ring = ring_of(database)
        record = TopicSource(bootstrap, security=security).first(partition_id)
        return seal_in(record, ring)

    return seal_of
