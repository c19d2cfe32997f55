"""A collector of traces for tests: takes what the real OTLP exporter sends over HTTP."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Seen:
    """A span as it arrived; ids in hexadecimal, `parent_id` empty where there is none."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    began_ns: int
    ended_ns: int
    attributes: dict[str, str | int]


class Collector:
    """What was sent so far, by trace."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._spans: list[Seen] = []
        self._lock = Lock()

    def take(self, request: ExportTraceServiceRequest) -> None:
        """Keep the spans of one request."""
        with self._lock:
            for group in request.resource_spans:
                told = {a.key: a.value.string_value for a in group.resource.attributes}
                for scope in group.scope_spans:
                    self._spans += [
                        Seen(
                            told["service.name"],
                            span.name,
                            span.trace_id.hex(),
                            span.span_id.hex(),
                            span.parent_span_id.hex(),
                            span.start_time_unix_nano,
                            span.end_time_unix_nano,
                            {
                                a.key: a.value.string_value or a.value.int_value
                                for a in span.attributes
                            },
                        )
                        for span in scope.spans
                    ]

    def trace(self, trace_id: str, count: int, *, within_s: float) -> list[Seen]:
        """The spans of a trace, once there are so many, by their beginning."""
        deadline = time.monotonic() + within_s
        while True:
            with self._lock:
                found = [span for span in self._spans if span.trace_id == trace_id]
            if len(found) >= count or time.monotonic() > deadline:
                return sorted(found, key=lambda span: span.began_ns)
            time.sleep(0.05)


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.take(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_port}/v1/traces")
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
