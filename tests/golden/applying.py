"""Applying a log to live books as `hpts replay` applies it to a schema of its own."""

from hpts.rebuilding.replay import Share, replay_partition
from hpts.rebuilding.schema import LIVE
from hpts.rebuilding.source import Facts, LogSource
from posting_engine.posting.decide import decide as decide_by_the_rules
from posting_engine.quarantine import Decide

BATCH = 97


def apply_log(
    source: LogSource,
    admin_dsn: str,
    *,
    facts: Facts | None = None,
    decide: Decide = decide_by_the_rules,
) -> None:
    """Apply all of a log from where the books stand. `facts` None: the source's own."""
    bounds = source.bounds()
    share = Share(
        source=lambda: source,
        dsn=admin_dsn,
        schema=LIVE,
        partition_count=len(bounds),
        ends={partition_id: end for partition_id, (_, end) in bounds.items()},
        facts=source.facts() if facts is None else facts,
        batch_records=BATCH,
        decide=decide,
    )
    for partition_id in bounds:
        replay_partition(share, partition_id)
