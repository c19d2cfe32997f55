"""One trace from HTTP to commit, as an OTLP collector gets it from the real processes."""

import secrets
import socket
import time
from typing import Any

import pytest

from schemas.observing import ObservingSettings
from schemas.spans import CLOSE_WITHIN_S, SERVER, Spans, spans_of
from tests.collector import Collector
from tests.http import Client

WITHIN_S = 20.0


def parent_of(trace_id: str, *, flags: str) -> tuple[str, str]:
    span_id = secrets.token_hex(8)
    return span_id, f"00-{trace_id}-{span_id}-{flags}"


def test_a_payment_is_one_trace_from_http_to_commit(
    stack: dict[str, Any], collector: Collector
) -> None:
    client = Client.of(stack)
    loan = client.open_loan(amount_minor="100000")
    trace_id, unasked_id = secrets.token_hex(16), secrets.token_hex(16)
    span_id, traceparent = parent_of(trace_id, flags="01")
    body = {
        **loan,
        "amount_minor": "100",
        "currency": "USD",
        "effective_at": "2026-02-02",
        "source_method": "ach",
    }
    for sent in (traceparent, parent_of(unasked_id, flags="00")[1]):
        answer = client.post("/v1/payments", body, headers={"traceparent": sent})
        assert answer.status_code == 201, answer.text
    read = client.get(f"/v1/loans/{loan['loan_id']}/balance", {"traceparent": traceparent})
    assert read.status_code == 200

    spans = {span.name: span for span in collector.trace(trace_id, 3, within_s=WITHIN_S)}
    assert set(spans) == {
        "POST /v1/payments",
        "post Payment",
        "GET /v1/loans/{loan_id}/balance",
    }
    http, commit = spans["POST /v1/payments"], spans["post Payment"]
    assert (http.service, commit.service) == ("hpts-ingress", "hpts-engine")
    assert http.parent_id == span_id
    assert commit.parent_id == http.span_id
    assert http.attributes["http.response.status_code"] == 201
    # It was committed before it was answered, and after it had come.
    assert http.began_ns < commit.began_ns < commit.ended_ns <= http.ended_ns
    assert commit.attributes["messaging.kafka.offset"] >= 0
    assert collector.trace(unasked_id, 1, within_s=0) == []


@pytest.mark.parametrize(("ratio", "is_wanted"), [(0.0, False), (0.5, True), (1.0, True)])
def test_of_traces_that_nobody_asked_for_a_share_is_sent_that_all_services_choose_alike(
    ratio: float, is_wanted: bool
) -> None:
    spans = Spans("test", url="http://127.0.0.1:9/v1/traces", ratio=ratio)
    low, high = f"{'a' * 18}{'3' * 14}", f"{'a' * 18}{'f' * 14}"
    assert spans.wants(f"00-{low}-{'b' * 16}-00") is is_wanted
    assert spans.wants(f"00-{high}-{'b' * 16}-00") is (ratio == 1.0)
    assert spans.wants(f"00-{high}-{'b' * 16}-01")
    spans.close()


def test_a_collector_that_does_not_answer_keeps_no_process_from_ending() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        spans = Spans("test", url=f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces")
        attributes = {"http.route": "/v1/payments"}
        traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
        spans.tell("one", traceparent, kind=SERVER, seconds=0.01, attributes=attributes)
        began = time.monotonic()
        spans.close()
        assert time.monotonic() - began < CLOSE_WITHIN_S + 1


def test_without_an_address_nothing_is_sent() -> None:
    assert spans_of("test", ObservingSettings()) is None
