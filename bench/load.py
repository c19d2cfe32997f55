"""Payments at a fixed rate: an open loop, whose latencies count from the intended start.

A closed loop waits with the server, and so forgets the requests that would have come meanwhile.
Here each payment has its instant; one that starts late because all connections wait is late by
that much.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from bench.client import Connection
from bench.figures import Run

CONNECTIONS: Final = 64


class OpenLoop:
    """Payments on these loans, by turns, until `stop` says so."""

    def __init__(self, api: str, token: str, loans: list[dict[str, str]], rate: int) -> None:
        self.run = Run(CONNECTIONS, f"payments, {rate}/s open loop")
        self._api, self._token, self._loans, self._rate = api, token, loans, rate
        self._due: asyncio.Queue[float | None] = asyncio.Queue()
        self._today = datetime.now(UTC).date().isoformat()
        self._sent = 0

    async def until(self, stop: Callable[[], bool]) -> Run:
        """Pay at the rate until `stop` is true; every payment begun has its answer then."""
        began, used = time.perf_counter(), time.process_time()
        clients = [asyncio.create_task(self._client()) for _ in range(CONNECTIONS)]
        number = 0
        while not stop():
            intended_at = began + number / self._rate
            await asyncio.sleep(max(0.0, intended_at - time.perf_counter()))
            self._due.put_nowait(intended_at)
            number += 1
        for _ in clients:
            self._due.put_nowait(None)
        await asyncio.gather(*clients)
        self.run.seconds = time.perf_counter() - began
        self.run.cpu["clients"] = time.process_time() - used
        return self.run

    async def _client(self) -> None:
        async with Connection(self._api) as connection:
            while (intended_at := await self._due.get()) is not None:
                loan = self._loans[self._sent % len(self._loans)]
                self._sent += 1
                body = {
                    **loan,
                    "amount_minor": "100",
                    "currency": "USD",
                    "effective_at": self._today,
                    "source_method": "ach",
                }
                key = f"payment:{uuid4()}"
                status, _ = await connection.post("/v1/payments", self._token, key, body)
                if status == 201:
                    self.run.latencies.append(time.perf_counter() - intended_at)
                else:
                    self.run.other[status] = self.run.other.get(status, 0) + 1


async def pay_for(
    api: str, token: str, loans: list[dict[str, str]], *, rate: int, seconds: float
) -> Run:
    """An open loop for so long."""
    end = time.perf_counter() + seconds
    return await OpenLoop(api, token, loans, rate).until(lambda: time.perf_counter() >= end)
