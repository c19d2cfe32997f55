"""`hpts webhooks`: an endpoint's whole life, on the running stack and a receiver that verifies."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from hpts.cli import app
from tests.deliveries.receiver import Receiver
from tests.faults.own_ledger import until
from tests.http import UNKNOWN_ID, Client

TOLD_WITHIN_S = 90


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    listening = Receiver()
    yield listening
    listening.close()


@pytest.fixture
def payer(stack: dict[str, Any], stack_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    """The client as which the commands act."""
    monkeypatch.setenv("HPTS_DATA_DIR", str(stack_dir))
    return Client.of(stack, 1)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["webhooks", *words, "--client", "tenant-b"])


def told(*words: str) -> Any:
    ran = run(*words, "--json")
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)


def known(endpoint: str) -> list[dict[str, Any]]:
    return [one for one in told("list")["items"] if one["webhook_endpoint_id"] == endpoint]


def test_an_endpoint_is_added_told_asked_again_rotated_and_removed(
    payer: Client, receiver: Receiver
) -> None:
    begun = datetime.now(UTC).isoformat()
    added = told("add", receiver.url(), "--event", "disbursement", "--description", "for a test")
    endpoint = added["webhook_endpoint_id"]
    receiver.secrets["/hook"] = [added["secret"]]
    [listed] = known(endpoint)
    assert (listed["event_types"], listed["description"]) == (["disbursement"], "for a test")
    assert "secret" not in listed

    payer.open_loan(amount_minor="100000")
    until(lambda: len(receiver.acknowledged()) == 1, seconds=TOLD_WITHIN_S)
    until(lambda: "delivered" in run("deliveries", endpoint).stdout, seconds=TOLD_WITHIN_S)
    assert "200 in" in run("deliveries", endpoint).stdout

    receiver.secrets["/hook"].append(told("rotate", endpoint)["secret"])
    assert run("replay", endpoint, "--from", begun).exit_code == 0
    until(lambda: len(receiver.acknowledged()) == 2, seconds=TOLD_WITHIN_S)
    assert (receiver.refused, len(set(receiver.acknowledged()))) == ([], 1)

    assert "removed" in run("remove", endpoint).stdout
    assert known(endpoint) == []


@pytest.mark.parametrize(
    ("words", "status", "why"),
    [
        (("add", "https://169.254.169.254/"), 1, "url"),
        (("add", "https://example.com/", "--event", "sunrise"), 1, "event_types"),
        (("rotate", UNKNOWN_ID), 1, "not_found"),
        (("remove", UNKNOWN_ID), 1, "not_found"),
        (("deliveries", "no-id"), 1, "webhook_endpoint_id"),
        (("replay", UNKNOWN_ID, "--from", "yesterday"), 2, "yesterday is no instant"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else None,
)
def test_what_cannot_be_done_is_told(
    payer: Client, words: tuple[str, ...], status: int, why: str
) -> None:
    assert payer
    ran = run(*words)
    assert (ran.exit_code, why in ran.output) == (status, True), ran.output
