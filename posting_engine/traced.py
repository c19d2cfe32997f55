"""The engine's part of each command's trace: from the decision to the commit."""

from collections.abc import Sequence

from posting_engine.verdict import Item
from schemas.spans import CONSUMER, Spans


def tell(spans: Spans, run: Sequence[Item], seconds: float) -> None:
    """These items were committed together just now, and it took so long."""
    for item in run:
        record = item.record
        traceparent = record.traceparent
        if traceparent is not None and spans.wants(traceparent):
            kind = "record" if isinstance(item.content, str) else type(item.content).__name__
            spans.tell(
                f"post {kind}",
                traceparent,
                kind=CONSUMER,
                seconds=seconds,
                is_new=True,
                attributes={
                    "messaging.destination.partition.id": str(record.partition_id),
                    "messaging.kafka.offset": record.offset,
                    "messaging.batch.message_count": len(run),
                },
            )
