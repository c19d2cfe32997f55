"""Signatures and the retry schedule, by themselves."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import standardwebhooks
import svix

from deliveries.settings import Settings
from deliveries.webhooks.event import Attempt, Event, delay_s
from deliveries.webhooks.signatures import headers

SECRETS = [
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=",
    "whsec_aPUhfHXMa/Lw9uPGWhX1bO0bU0pFtvkBbkcsh4YkQx4=",
]
BODY = b'{"journal_entry_id":"x"}'
AN_ID = UUID("01a20e3f-63d8-8009-a4da-86692d649f8b")
SCHEDULE = Settings.model_fields["webhook_retry_seconds"].default
VERIFIERS: list[Callable[[str], Any]] = [standardwebhooks.Webhook, svix.Webhook]


def signed(secrets: list[str], body: bytes = BODY) -> dict[str, str]:
    now = int(datetime.now(UTC).timestamp())
    made = headers(body, webhook_id=str(AN_ID), timestamp_s=now, secrets=secrets)
    return {name.decode(): value.decode() for name, value in made}


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_other_people_s_libraries_take_each_of_two_secrets(verifier: Callable[[str], Any]) -> None:
    for secret in SECRETS:
        verifier(secret).verify(BODY, signed(SECRETS))


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_they_refuse_another_secret_and_another_body(verifier: Callable[[str], Any]) -> None:
    for sent, body in ((signed(SECRETS[:1]), BODY), (signed(SECRETS[1:]), BODY + b" ")):
        with pytest.raises(Exception, match=r"(?i)signature"):
            verifier(SECRETS[1]).verify(body, sent)


def test_the_schedule_is_the_contract_s_with_jitter() -> None:
    minute, hour = 60, 3600
    assert (
        *(0, 5, 5 * minute, 30 * minute, 2 * hour),
        *(5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour),
    ) == SCHEDULE
    delays = {delay_s(SCHEDULE, 2) for _ in range(100)}
    assert len(delays) > 90
    assert all(270 <= delay <= 330 for delay in delays)


def attempt(tries: int, status_code: int | None) -> Attempt:
    event = Event(
        endpoint_id=AN_ID,
        queue_id=AN_ID,
        journal_entry_id=AN_ID,
        url="",
        secrets=[],
        body=b"",
        tries=tries,
    )
    return Attempt(
        event=event,
        attempted_at=datetime.now(UTC),
        duration_ms=1,
        status_code=status_code,
        error=None,
    )


@pytest.mark.parametrize(
    ("tries", "status_code", "status"),
    [
        (0, 200, "delivered"),
        (9, 299, "delivered"),
        (0, 301, "pending"),
        (0, None, "pending"),
        (8, 500, "pending"),
        (9, 500, "exhausted"),
        (9, None, "exhausted"),
    ],
)
def test_any_2xx_acknowledges_and_the_tenth_failure_is_the_last(
    tries: int, status_code: int | None, status: str
) -> None:
    assert attempt(tries, status_code).status(SCHEDULE) == status


def test_a_queue_goes_on_at_once_unless_its_first_is_to_be_tried_again() -> None:
    now = datetime.now(UTC)
    assert attempt(9, 500).next_at(SCHEDULE, now) == now
    wait = attempt(0, 500).next_at(SCHEDULE, now) - now
    assert timedelta(seconds=4.5) <= wait <= timedelta(seconds=5.5)
