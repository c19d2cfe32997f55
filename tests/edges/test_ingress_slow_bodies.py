"""A body that never ends is answered and let go: it holds no place for ever."""

from typing import Any

from tests.edges.test_ingress_streams import answered, batch, begun, lines_of, stream
from tests.http import Client


def test_bodies_that_do_not_come_are_refused_in_time_and_leave_nothing(
    stack: dict[str, Any],
) -> None:
    """A document and a stream side by side, because each takes as long as a body may."""
    client = Client.of(stack)
    lines = lines_of(batch(client, good=1))
    json = {"path": "/v1/payments", "media_type": "application/json"}
    with (
        begun(stack, client, 100, b"{", **json) as document,
        begun(stack, client, len(lines), lines[:-1]) as streamed,
    ):
        answers = [answered(document), answered(streamed)]

    for answer in answers:
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"malformed_json" in answer
    assert stream(client, lines).status_code == 201
