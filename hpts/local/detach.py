"""`hpts up --detach`: the stack runs on in a process of its own; this one tells how it came up."""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

Tell = Callable[[str, Any], None]
"""Sends one word of the stack's to whoever waits: its kind and a value that JSON can carry."""


def run(work: Callable[[Tell], int], log: Path, hear: Tell) -> int:
    """Do `work` in a child of its own session; returns once it has told "ready", or has ended.

    0 when it is ready, else its exit status. Call it before any thread is started. A signal to
    the waiting process goes on to the child, which then ends.
    """
    reading, writing = os.pipe()
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os._exit(_detached(work, writing, log))
    os.close(writing)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: os.kill(child, signal.SIGTERM))
    with os.fdopen(reading, encoding="utf-8") as line:
        for told in line:
            kind, value = json.loads(told)
            hear(kind, value)
            if kind == "ready":
                return 0
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) or 1


def _detached(work: Callable[[Tell], int], writing: int, log: Path) -> int:
    """All that the child does; nothing may be raised beyond it, into the parent's callers."""
    try:
        _leave_terminal(log)
        with os.fdopen(writing, "w", encoding="utf-8") as line:

            def tell(kind: str, value: Any) -> None:
                with suppress(BrokenPipeError):  # nobody waits any more
                    line.write(json.dumps([kind, value]) + "\n")
                    line.flush()

            return work(tell)
    except BaseException:  # noqa: BLE001  # the log is all that can still be told
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _leave_terminal(log: Path) -> None:
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for source, target in ((nowhere, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(nowhere)
    os.close(output)
