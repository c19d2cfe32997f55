"""Work that lasts as long as the process: if an error ends it, the process must end, too.

`on_fatal` is told why, in the event loop. Otherwise requests would wait for ever
for what nobody does any more.
"""

import asyncio
from collections.abc import Callable, Coroutine
from threading import Thread

OnFatal = Callable[[str], None]


def lasting_task(
    work: Coroutine[None, None, None], *, name: str, on_fatal: OnFatal
) -> "asyncio.Task[None]":
    """A task that no error ends unheard."""

    def ended(task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            on_fatal(_reason(name, error))

    task = asyncio.get_running_loop().create_task(work, name=name)
    task.add_done_callback(ended)
    return task


def lasting_thread(work: Callable[[], None], *, name: str, on_fatal: OnFatal) -> Thread:
    """A thread, not yet started, that no error ends unheard."""
    loop = asyncio.get_running_loop()

    def guarded() -> None:
        try:
            work()
        except Exception as error:
            loop.call_soon_threadsafe(on_fatal, _reason(name, error))
            raise

    return Thread(target=guarded, name=name, daemon=True)


def _reason(name: str, error: BaseException) -> str:
    return f"to {name} cannot go on: {error!r}"
