"""`HPTS-Min-Position` on the reads that the write edge serves: as on every other read."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.edges import bodies_of
from tests.http import Client

Stack = dict[str, Any]
NEVER = "0:9223372036854775806"


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client.of(stack)


@pytest.fixture(scope="module")
def batch(client: Client) -> httpx.Response:
    """The answer to a batch of two loans, of which one cannot accrue."""
    loan = client.open_loan(amount_minor="100000")["loan_id"]
    answer = client.post("/v1/accruals/batch", bodies_of.accrual(UUID(loan), uuid4()))
    assert answer.status_code == 201, answer.text
    return answer


@pytest.fixture(scope="module")
def reads(batch: httpx.Response) -> list[str]:
    accrual = f"/v1/accruals/{batch.json()['accrual_event_id']}"
    return [f"/v1/commands/{batch.json()['correlation_id']}", accrual, f"{accrual}/rejections"]


def test_a_position_that_is_reached_changes_no_answer(
    client: Client, reads: list[str], batch: httpx.Response
) -> None:
    for path in reads:
        near = client.get(path, {"HPTS-Min-Position": batch.headers["hpts-position"]})
        assert (near.status_code, near.content) == (200, client.get(path).content)


def test_a_command_is_known_once_its_own_position_is_reached(client: Client) -> None:
    """It waits for what a 202 has told, so nothing that is still pending is answered."""
    for _ in range(5):
        sent = client.post(
            "/v1/disbursements", bodies_of.disbursement(), headers={"Prefer": "respond-async"}
        )
        assert sent.status_code == 202
        position = {"HPTS-Min-Position": sent.headers["hpts-position"]}
        assert client.get(sent.headers["location"], position).json()["status"] == "posted"


def test_a_position_that_is_never_reached_is_503_after_five_seconds(
    client: Client, reads: list[str]
) -> None:
    for path in reads:
        answer = client.get(path, {"HPTS-Min-Position": NEVER})
        assert (answer.status_code, answer.json()["code"]) == (503, "position_not_reached"), path
        assert answer.headers["retry-after"] == "1"
        assert 4 < answer.elapsed.total_seconds() < 7


@pytest.mark.parametrize("position", ["", "x", "1", "1:-1", "1:1,", "1:1;2:2", "4000:1"])
def test_what_is_no_position_is_400(client: Client, reads: list[str], position: str) -> None:
    for path in reads:
        answer = client.get(path, {"HPTS-Min-Position": position})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter"), path
        assert answer.json()["errors"][0]["field"] == "/HPTS-Min-Position"
