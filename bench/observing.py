"""What metrics and spans cost a command, in CPU microseconds: `python -m bench.observing`.

In this process alone, without servers: the best of five rounds, so that other work on the machine
shows as little as it can. To be held against the CPU of a payment (`python -m bench.payments`).
"""

import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from prometheus_client import generate_latest

import ingress_api.metrics
import posting_engine.metrics
from posting_engine.positions import Position
from posting_engine.rows import OutcomeRow
from posting_engine.verdict import Verdict
from schemas.ids import uuid_of
from schemas.spans import SERVER, Attributes, Spans

ROUNDS = 5
TRACE = f"00-{'a' * 32}-{'b' * 16}"
NOWHERE = "http://127.0.0.1:9/v1/traces"


def cost_us(work: Callable[[], object], *, times: int = 20_000) -> float:
    """CPU microseconds of one call, of the best round."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(times):
            work()
        best = min(best, time.process_time() - began)
    return best / times * 1e6


def verdict_of(payments: int) -> Verdict:
    """A transaction that posted so many payments."""
    now, nobody = datetime.now(UTC), uuid_of(0)
    before = Position(
        partition_id=0,
        topic_id="",
        next_offset=0,
        last_record_hash=None,
        lease_epoch=1,
        last_appended_at=now,
        last_entry_seq=0,
        chain_head=bytes(32),
        reached_at=now,
    )
    verdict = Verdict({0: before}, {0: before.applied(payments, None, now)})
    verdict.outcomes += [
        OutcomeRow(
            partition_id=0,
            tenant_id=nobody,
            idempotency_key=str(offset),
            command_id=nobody,
            correlation_id=nobody,
            command_type="Payment",
            fingerprint=bytes(32),
            status="posted",
            result="{}",
            accrual_event_id=None,
            chunks_total=1,
            command_offset=offset,
            posted_at=now,
            resumed_offset=None,
        )
        for offset in range(payments)
    ]
    return verdict


def main() -> int:
    """Print one line for each; 0."""
    spans = Spans("bench", url=NOWHERE)
    logging.disable()  # nobody takes the spans, and the exporter says so again and again
    attributes: Attributes = {"http.route": "/v1/payments", "http.response.status_code": 201}
    count = posting_engine.metrics.note_applied
    one, eighteen = verdict_of(1), verdict_of(18)
    rows: list[tuple[str, Callable[[], object]]] = [
        ("request", lambda: ingress_api.metrics.note_request("/v1/payments", 201, 0.01)),
        ("transaction of 1 command", lambda: count(one)),
        ("transaction of 18 commands", lambda: count(eighteen)),
        ("trace that is not sampled", lambda: spans.wants(f"{TRACE}-00")),
    ]
    for name, work in rows:
        print(f"{name:28}{cost_us(work):8.2f} us")
    told = cost_us(
        lambda: spans.tell("x", TRACE + "-01", kind=SERVER, seconds=1, attributes=attributes),
        times=300,
    )
    print(f"{'span that is':28}{told:8.2f} us")
    print(f"{'page that Prometheus reads':28}{cost_us(generate_latest, times=50):8.2f} us")
    return 0


if __name__ == "__main__":
    sys.exit(main())
