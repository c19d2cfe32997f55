"""A path that exists answers the wrong method with 405, whichever edge it belongs to."""

from typing import Any

import httpx
import pytest


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/payments"),
        ("GET", "/v1/bank-statements"),
        ("POST", "/v1/reconciliation/status"),
        ("DELETE", "/v1/payments"),
        ("PUT", "/v1/reversals"),
        ("GET", "/v1/refinances"),
        ("GET", "/v1/periods/2026-01/close"),
        ("DELETE", "/v1/periods/nonsense/close"),
        ("POST", "/v1/accounts"),
        ("DELETE", "/v1/loans/7d3ffb8e-6d2b-4f37-8fd2-6d33b6b2a0c1"),
    ],
)
def test_a_wrong_method_is_not_allowed(stack: dict[str, Any], method: str, path: str) -> None:
    answer = httpx.request(method, stack["api_url"] + path)

    assert answer.status_code == 405, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "method_not_allowed"
    assert answer.headers["allow"]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_path_that_is_not_there_is_not_found(stack: dict[str, Any], method: str) -> None:
    answer = httpx.request(method, stack["api_url"] + "/v1/nothing-here")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
