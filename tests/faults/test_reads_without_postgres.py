"""Postgres stands still: every read is answered all the same, with a 503, and works again after."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests import audit
from tests.faults.own_ledger import OwnLedger, until
from tests.faults.payers import each
from tests.faults.test_store_faults import backends_of, stop_or_go
from tests.http import Client

ANSWERED_WITHIN_S = 14
RECOVERED_WITHIN_S = 20
CONTRACT = Path(__file__).parents[2] / "schemas" / "openapi.json"
NEEDS_NO_POSTGRES = {
    *("/v1/accounts", "/v1/health/live", "/v1/health/ready"),
    *("/v1/openapi.json", "/v1/docs", "/v1/problems/{code}", "/problems/{code}"),
}
STREAM = "/v1/journal-entries/stream"
"""Does not end while Postgres answers, so it is only asked while it does not."""
QUERIES = {"/v1/accounts/{account_code}/balance": "?currency=USD"}


def reads_of(loan_id: str, posted: dict[str, Any]) -> list[str]:
    """A path for every GET of the contract that Postgres must answer, the stream left out."""
    known = {"account_code": "1100", "loan_id": loan_id, "command_id": posted["correlation_id"]}
    paths: dict[str, Any] = json.loads(CONTRACT.read_text("utf-8"))["paths"]
    found = []
    for path, operations in paths.items():
        if "get" not in operations or path in NEEDS_NO_POSTGRES or path == STREAM:
            continue
        names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        # An id says which partition it is in, so it must be one of the ledger's own.
        ids = {name: known.get(name, posted["journal_entry_id"]) for name in names}
        found.append(path.format(**ids) + QUERIES.get(path, ""))
    return found


@contextmanager
def standing_still(own: OwnLedger) -> Iterator[None]:
    pids = backends_of(own.servers.postgres.process.pid)
    for pid in pids:
        stop_or_go(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            stop_or_go(pid, signal.SIGCONT)


def test_every_read_is_answered_while_postgres_stands_still(own: OwnLedger) -> None:
    own.engine()
    client = Client.of(own.stack(own.api()))
    loan = client.open_loan(amount_minor="100")
    paths = reads_of(loan["loan_id"], client.pay(loan, amount_minor="1"))
    assert len(paths) > 12

    def read(number: int) -> tuple[httpx.Response, float]:
        begun = time.monotonic()
        return client.get([*paths, STREAM][number]), time.monotonic() - begun

    def are_known() -> bool:
        return all(answer.status_code in (200, 404) for answer, _ in each(len(paths), read))

    assert are_known()
    with standing_still(own):
        answers = each(len(paths) + 1, read)
    told = [
        (answer.url.path, answer.status_code, answer.json().get("code")) for answer, _ in answers
    ]
    assert [one for one in told if one[1:] != (503, "not_ready")] == []
    assert all("retry-after" in answer.headers for answer, _ in answers)
    assert max(seconds for _, seconds in answers) < ANSWERED_WITHIN_S
    until(are_known, seconds=RECOVERED_WITHIN_S)
    assert audit.faults_of_books(own.admin_dsn) == []
