"""A question to a server that may never answer, for readiness.

Cancelling it would not do: the driver then waits for the server to confirm. So the question is left
waiting, and nobody asks again before it is answered or has failed.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Answer = TypeVar("Answer")


class Probe(Generic[Answer]):
    """One question under way at a time."""

    def __init__(self, question: Callable[[], Coroutine[Any, Any, Answer]]) -> None:
        self._question = question
        self._asked: asyncio.Task[Answer] | None = None

    async def ask(self, within_s: float) -> Answer:
        """The answer, or what the question raises; `TimeoutError` when neither comes in time."""
        if self._asked is None or self._asked.done():
            self._asked = asyncio.create_task(self._question())
        answered, _ = await asyncio.wait({self._asked}, timeout=within_s)
        if not answered:
            raise TimeoutError("no answer in time")
        return self._asked.result()
