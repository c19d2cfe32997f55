"""Every request has a trace: the one its sender began, or a new one."""

import re
from email.utils import format_datetime, parsedate_to_datetime

import pytest

from schemas import tracing
from schemas.problems import ProblemError

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"


def begun(*headers: tuple[str, str]) -> tracing.Trace:
    return tracing.begin([(name.encode(), value.encode()) for name, value in headers])


@pytest.mark.parametrize(
    "parent", [PARENT, f" {PARENT} ", PARENT.replace("00-4", "cc-4") + "-later"]
)
def test_a_trace_goes_on_in_a_span_of_our_own(parent: str) -> None:
    trace = begun(("traceparent", parent))
    assert trace.trace_id == TRACE_ID
    assert re.fullmatch(f"00-{TRACE_ID}-[0-9a-f]{{16}}-01", trace.traceparent)
    assert "00f067aa0ba902b7" not in trace.traceparent
    assert trace.response_headers == ((b"traceparent", trace.traceparent.encode()),)


@pytest.mark.parametrize(
    "parent",
    [
        "",
        PARENT.upper(),
        PARENT + "-more",
        PARENT[:-1],
        "ff" + PARENT[2:],
        PARENT.replace(TRACE_ID, "0" * 32),
        PARENT.replace("00f067aa0ba902b7", "0" * 16),
        PARENT.replace("-", "_"),
        "é" * 55,
        "x" * 10_000,
    ],
)
def test_an_invalid_traceparent_is_ignored(parent: str) -> None:
    one, other = begun(("traceparent", parent)), begun(("traceparent", parent))
    assert len({TRACE_ID, one.trace_id, other.trace_id}) == 3
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", one.traceparent)
    one.check()


def test_two_traceparents_are_none() -> None:
    assert begun(("traceparent", PARENT), ("traceparent", PARENT)).trace_id != TRACE_ID


@pytest.mark.parametrize("text", ["order-12345678", "a" * 8, "-" * 128, "0" * 32])
def test_x_trace_id_decides_the_trace_and_is_told_its_end(text: str) -> None:
    one, other = begun(("x-trace-id", text)), begun(("x-trace-id", text))
    one.check()
    assert one.trace_id == other.trace_id != "0" * 32
    headers = dict(one.response_headers)
    ends_at = parsedate_to_datetime(headers[b"sunset"].decode())
    assert format_datetime(ends_at, usegmt=True).encode() == headers[b"sunset"]
    deprecated_s = int(headers[b"deprecation"].removeprefix(b"@"))
    assert ends_at.timestamp() - deprecated_s > 180 * 86_400


def test_x_trace_id_may_be_a_uuid_and_yields_to_traceparent() -> None:
    assert begun(("x-trace-id", "4bf92f35-77b3-4da6-A3CE-929d0e0e4736")).trace_id == TRACE_ID
    both = begun(("x-trace-id", "order-12345678"), ("traceparent", PARENT))
    assert both.trace_id == TRACE_ID
    assert b"sunset" in dict(both.response_headers)


@pytest.mark.parametrize("text", ["", "a" * 7, "a" * 129, "order_1234", "order-123\n", "é" * 8])
def test_a_malformed_x_trace_id_is_400_in_a_trace_of_its_own(text: str) -> None:
    trace = begun(("x-trace-id", text))
    assert re.fullmatch(r"[0-9a-f]{32}", trace.trace_id)
    with pytest.raises(ProblemError) as raised:
        trace.check()
    assert (raised.value.problem.status, raised.value.problem.code) == (400, "invalid_parameter")
