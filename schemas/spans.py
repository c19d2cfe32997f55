"""Spans of a request's trace, from HTTP to commit, sent by OTLP. Needs the extra `hpts[otel]`.

The trace itself travels as a `traceparent` (`tracing`), with or without this. A span is told of
once it is over, so nothing is held while it lasts, and sending is a thread's work. What its sender
marked as sampled is sent, and of the rest the share `HPTS_TRACES_RATIO`, chosen by the trace's id:
so all services choose alike. The only module that imports opentelemetry.
"""

import secrets
import time
from collections.abc import Mapping
from threading import Thread
from typing import Final

from schemas.observing import ObservingSettings

SERVER: Final = "SERVER"
CONSUMER: Final = "CONSUMER"
CLOSE_WITHIN_S: Final = 1.5
_BITS: Final = 56
_SAMPLED: Final = "01"

Attributes = Mapping[str, str | int | bool]


class Spans:
    """Where the spans of one service go."""

    def __init__(self, service: str, *, url: str, ratio: float = 0.0) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._resource = Resource.create({"service.name": service})
        self._processor = BatchSpanProcessor(OTLPSpanExporter(endpoint=url))
        self._most = int(ratio * 2**_BITS)

    def wants(self, traceparent: str) -> bool:
        """Whether spans of this trace are sent."""
        _, trace_id, _, flags = traceparent.split("-")
        return flags == _SAMPLED or int(trace_id[-_BITS // 4 :], 16) < self._most

    def tell(
        self,
        name: str,
        traceparent: str,
        *,
        kind: str,
        seconds: float,
        attributes: Attributes,
        parent_id: str | None = None,
        is_new: bool = False,
    ) -> None:
        """Send a span that ends now. It is the one that `traceparent` names, below `parent_id`; or,
        where it `is_new`, one of its own below that.
        """
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

        _, trace_id, span_id, _ = traceparent.split("-")
        if is_new:
            parent_id, span_id = span_id, secrets.token_hex(8)

        def context(of_span: str, *, is_remote: bool) -> SpanContext:
            sampled = TraceFlags(TraceFlags.SAMPLED)
            return SpanContext(int(trace_id, 16), int(of_span, 16), is_remote, sampled)

        ended_at = time.time_ns()
        self._processor.on_end(
            ReadableSpan(
                name=name,
                context=context(span_id, is_remote=False),
                parent=None if parent_id is None else context(parent_id, is_remote=True),
                resource=self._resource,
                attributes=dict(attributes),
                kind=SpanKind[kind],
                start_time=ended_at - int(seconds * 1e9),
                end_time=ended_at,
            )
        )

    def close(self) -> None:
        """Send what is left, as far as that takes a moment: a collector that is away, or does not
        answer, must not keep a process from ending.
        """
        ending = Thread(target=self._processor.shutdown, name="last spans", daemon=True)
        ending.start()
        ending.join(CLOSE_WITHIN_S)


def spans_of(service: str, settings: ObservingSettings) -> Spans | None:
    """Where a service's spans go; None where they go nowhere."""
    if settings.traces_url is None:
        return None
    return Spans(service, url=settings.traces_url, ratio=settings.traces_ratio)
