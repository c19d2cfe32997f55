"""Clients that pay one cent again and again, and retry with the same key until they know.

What they were told is all that the audit takes from them: the acknowledged command ids.
"""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from bench.client import Connection
from tests.http import Client

RETRIED = (409, 429, 503)
PAUSE_S = 0.1
ANSWERED_WITHIN_S = 90


class Payers:
    """Clients in a thread of their own, from `start` until `stop`."""

    def __init__(
        self, stack: dict[str, Any], urls: Sequence[str] = (), *, clients: int = 8
    ) -> None:
        self._client = Client.of(stack)
        self._urls = tuple(urls) or (stack["api_url"],)
        self._clients = clients
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.loans: list[dict[str, str]] = []
        self.acknowledged: list[str] = []
        self.statuses: Counter[int] = Counter()
        self._errors: list[BaseException] = []

    def open_loans(self, count: int) -> "Payers":
        self.loans = [self._client.open_loan(amount_minor="100000000") for _ in range(count)]
        return self

    def __enter__(self) -> "Payers":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def known(self) -> int:
        """How many requests have come to their answer."""
        return len(self.acknowledged)

    def stop(self) -> list[str]:
        """Let every request come to its answer; the acknowledged commands."""
        self._stopping.set()
        self._thread.join(ANSWERED_WITHIN_S)
        assert not self._thread.is_alive(), f"clients without an answer: {self.statuses}"
        if self._errors:
            raise self._errors[0]
        return self.acknowledged

    def _run(self) -> None:
        try:
            asyncio.run(self._all())
        except BaseException as error:  # noqa: BLE001  # raised again where it is awaited
            self._errors.append(error)

    async def _all(self) -> None:
        await asyncio.gather(*(self._pay_on(number) for number in range(self._clients)))

    async def _pay_on(self, number: int) -> None:
        turn = number
        while not self._stopping.is_set():
            turn += 1
            body = {
                **self.loans[turn % len(self.loans)],
                "amount_minor": "1",
                "currency": "USD",
                "effective_at": "2026-02-02",
                "source_method": "ach",
            }
            await self._until_known(self._urls[turn % len(self._urls)], body, f"test:{uuid4()}")

    async def _until_known(self, url: str, body: dict[str, Any], key: str) -> None:
        headers = {
            "authorization": f"Bearer {self._client.token}",
            "content-type": "application/json",
            "idempotency-key": key,
            "prefer": "respond-async",
        }
        content = json.dumps(body).encode()
        while True:
            try:
                async with asyncio.timeout(30), Connection(url) as connection:
                    status, answer = await connection.request(
                        "POST", "/v1/payments", headers, content
                    )
            except (OSError, EOFError, TimeoutError):
                status, answer = 0, b""
            self.statuses[status] += 1
            if status in (200, 201, 202):
                told = json.loads(answer)
                self.acknowledged.append(told.get("command_id") or told["correlation_id"])
                return
            assert status == 0 or status in RETRIED, (status, answer)
            await asyncio.sleep(PAUSE_S)


def paid_minor(client: Client, loans: Sequence[dict[str, str]]) -> int:
    """What has been paid in all, by the loans' own balances."""
    owed = (client.get(f"/v1/loans/{loan['loan_id']}/balance").json() for loan in loans)
    return sum(100_000_000 - int(one["principal_outstanding_minor"]) for one in owed)


def each(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Do work `count` times at once."""
    results: list[Any] = [None] * count

    def do(number: int) -> None:
        results[number] = work(number)

    threads = [threading.Thread(target=do, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
