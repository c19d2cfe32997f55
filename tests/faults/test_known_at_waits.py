"""An instant that the books have not reached is waited for, then 503: never answered from less."""

import time
from datetime import UTC, datetime
from typing import Any

import httpx

from schemas.min_position import MOST_WAIT_S
from tests.faults.own_ledger import OwnLedger, until
from tests.faults.payers import each
from tests.http import Client

REACHED_WITHIN_S = 30
ANSWERED_AFTER_S = MOST_WAIT_S + 2
"""The wait, and what a busy machine takes to answer."""


def test_an_instant_not_reached_is_503_until_the_engine_has_been_there(own: OwnLedger) -> None:
    engine = own.engine()
    client = Client.of(own.stack(own.api()))
    loan = client.open_loan(amount_minor="100000")
    client.pay(loan, amount_minor="300")
    assert engine.stop() == 0
    known_at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
    paths = [
        f"/v1/loans/{loan['loan_id']}/balance?known_at={known_at}",
        f"/v1/loans/{loan['loan_id']}/balance?as_of_date=2026-02-02&known_at={known_at}",
        f"/v1/accounts/1100/balance?currency=USD&known_at={known_at}",
        f"/v1/trial-balance?known_at={known_at}",
    ]

    def read(number: int) -> tuple[httpx.Response, float]:
        begun = time.monotonic()
        return client.get(paths[number]), time.monotonic() - begun

    for answer, seconds in each(len(paths), read):
        told = (answer.status_code, answer.json().get("code"))
        assert told == (503, "position_not_reached"), answer.text
        assert answer.headers["retry-after"] == "1"
        assert MOST_WAIT_S - 1 < seconds < ANSWERED_AFTER_S
    # Nothing else waits for the engine.
    begun = time.monotonic()
    assert client.get(paths[0].partition("?")[0]).status_code == 200
    assert time.monotonic() - begun < 1

    own.engine()
    until(lambda: client.get(paths[0]).status_code == 200, seconds=REACHED_WITHIN_S)
    until(lambda: client.get(paths[-1]).status_code == 200, seconds=REACHED_WITHIN_S)
    balance, as_of, account, trial_balance = (client.get(path).json() for path in paths)
    assert balance["principal_outstanding_minor"] == "99700"
    assert as_of | {"as_of_date": balance["as_of_date"]} == balance
    principal: dict[str, Any] = {"dr_balance_minor": "100000", "cr_balance_minor": "300"}
    assert {name: account[name] for name in principal} == principal
    [line] = [one for one in trial_balance["items"] if one["account_code"] == "1100"]
    assert {name: line[name] for name in principal} == principal
