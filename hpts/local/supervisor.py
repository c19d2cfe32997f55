"""Starts children, starts again what dies, and ends all in order; knows nothing of what they are.

One loop in the main thread does everything (a child is bound to the thread that starts it, see
`processes.with_parent`). Other threads only wait, and tell the loop what they saw:

    a watcher per child     "exited", then "ready" is its readiness thread's word
    the signal handlers     "stop": once is enough, more do no harm, at any time

A child that dies is started again at once; if it dies before it was ready, after a pause that
grows. One killed by SIGKILL did not fail by itself and never waits; one that hangs is killed. Of a
child with a gate (see `gate`) a spare stands ready while it runs, and takes its place at once.
"""

import json
import os
import pwd
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, NamedTuple

from hpts.local import processes
from hpts.local.folder import write_json
from hpts.local.logs import Logs
from hpts.local.processes import Hangs, Process

RECORD: Final = "supervisor.json"
PAUSES_S: Final = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
FAILURES_AT_START: Final = 3
STOP_ALL_S: Final = 12.0
STOP_STAGE_S: Final = 5.0
_POLL_S: Final = 0.05
_HOUSEKEEPING_S: Final = 5.0
_KILLED_DIE_WITHIN_S: Final = 2.0


@dataclass(frozen=True)
class Child:
    """What to run. `stage`: those of a higher one end first. `kinds`: its names in local.json."""

    name: str
    kinds: tuple[str, ...]
    command: Callable[[], Sequence[str]]
    environment: Callable[[], Mapping[str, str]]
    is_ready: Callable[[int], bool]
    """Given the process id; may block; False while it cannot be asked. `Hangs` ends the process."""
    stage: int
    stop_signal: int = signal.SIGTERM
    user: int | None = None
    has_gate: bool = False


class NotReady(Exception):
    """The stack cannot be started. The message says which part, why, and what its log ends in."""


class StopAsked(Exception):
    """A signal asked to stop while something was being started."""


class _Event(NamedTuple):
    kind: Literal["exited", "ready", "stop", "done"]
    name: str = ""
    pid: int = 0


@dataclass
class _Running:
    child: Child
    process: "subprocess.Popen[bytes]"
    identity: Process | None
    started_at: float
    exited: threading.Event = field(default_factory=threading.Event)
    is_ready: bool = False


class Supervisor:
    """The children of one data folder. `on_change` gets the process ids of each kind."""

    def __init__(self, data_dir: Path, on_change: Callable[[dict[str, list[int]]], None]) -> None:
        self.data_dir = data_dir
        self.is_stopping = False
        self._on_change = on_change
        self._events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self._running: dict[str, _Running] = {}
        self._failures: dict[str, int] = {}
        self._due_at: dict[str, tuple[float, Child]] = {}
        self._spares: dict[str, subprocess.Popen[bytes]] = {}
        self._logs = Logs(data_dir / "logs")
        processes.adopt_orphans()

    def listen(self) -> None:
        """Take SIGTERM, Ctrl-C and a closed terminal as the wish to stop, however often."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self._events.put(_Event("stop")))

    def run(self, *works: Callable[[], None]) -> None:
        """Do all, each in a thread so that a signal can end the wait. Raises what one raises."""
        left = len(works)
        errors: list[BaseException] = []

        def do(work: Callable[[], None]) -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001  # raised again below, where it is awaited
                errors.append(error)
            self._events.put(_Event("done"))

        for work in works:
            threading.Thread(target=do, args=[work], daemon=True).start()
        while left:
            left -= self._turn() == "done"
            self._raise_if_stopping()
            if errors:
                raise errors[0]

    def start(self, children: Sequence[Child], *, seconds: float) -> None:
        """Start them side by side; returns when all are ready. Raises NotReady or StopAsked."""
        for child in children:
            self._spawn(child)
        deadline = time.monotonic() + seconds
        while waiting := [child.name for child in children if not self._is_ready(child.name)]:
            self._turn(deadline)
            self._raise_if_stopping()
            for name in waiting:
                if self._failures.get(name, 0) >= FAILURES_AT_START:
                    raise NotReady(f"{name} ends as soon as it is started\n{self._logs.tail(name)}")
            if time.monotonic() > deadline:
                told = "\n".join(f"{name}:\n{self._logs.tail(name)}" for name in waiting)
                raise NotReady(f"not ready after {seconds:.0f} s: {', '.join(waiting)}\n{told}")

    def watch(self) -> None:
        """Start again what dies, until asked to stop."""
        while not self.is_stopping:
            self._turn(time.monotonic() + _HOUSEKEEPING_S)
            self._keep_spares()
            known = {running.process.pid for running in self._running.values()}
            known |= {spare.pid for spare in self._spares.values()}
            processes.reap(processes.own_children() - known)

    def stop(self) -> None:
        """End every child, later stages first; kill what does not end in time."""
        self.is_stopping = True
        deadline = time.monotonic() + STOP_ALL_S
        for spare in self._spares.values():
            spare.kill()
            spare.wait()
        for stage in sorted({running.child.stage for running in self._alive()}, reverse=True):
            ending = [running for running in self._alive() if running.child.stage == stage]
            for running in ending:
                with suppress(ProcessLookupError):
                    running.process.send_signal(running.child.stop_signal)
            until = min(deadline, time.monotonic() + STOP_STAGE_S)
            for running in ending:
                running.exited.wait(max(0.1, until - time.monotonic()))
            for running in ending:
                _kill_group(running.process.pid)
        self._end_orphans()
        with suppress(FileNotFoundError):
            (self.data_dir / RECORD).unlink()

    def pids(self) -> dict[str, list[int]]:
        """The process ids of each kind of child."""
        found: dict[str, list[int]] = {}
        for running in self._running.values():
            for kind in running.child.kinds:
                found.setdefault(kind, []).append(running.process.pid)
        return found

    def _turn(self, deadline: float | None = None) -> str | None:
        """Wait for one event or for the end of a pause, and act on it; returns the event's kind."""
        due = [at for at, _ in self._due_at.values()] + ([deadline] if deadline else [])
        wait = max(0.0, min(due) - time.monotonic()) if due else None
        event = None
        with suppress(queue.Empty):
            event = self._events.get(timeout=wait)
            self._take(event)
        for name, (at, child) in list(self._due_at.items()):
            if at <= time.monotonic() and not self.is_stopping:
                del self._due_at[name]
                self._spawn(child)
        return event.kind if event else None

    def _take(self, event: _Event) -> None:
        running = self._running.get(event.name)
        if event.kind == "stop":
            self.is_stopping = True
        elif running is not None and running.process.pid == event.pid:
            if event.kind == "ready":
                running.is_ready = True
                self._failures.pop(event.name, None)
            else:
                self._has_exited(running)

    def _has_exited(self, running: _Running) -> None:
        name, status = running.child.name, running.process.returncode
        seconds = time.monotonic() - running.started_at
        told = f"killed by signal {-status}" if status < 0 else f"ended with status {status}"
        self._logs.note(name, f"{name} {told} after {seconds:.1f} s; it is started again")
        _kill_group(running.process.pid)
        del self._running[name]
        is_at_once = status == -signal.SIGKILL
        if not running.is_ready and not is_at_once:
            self._failures[name] = self._failures.get(name, 0) + 1
        pause = 0.0 if is_at_once else PAUSES_S[min(self._failures.get(name, 0), len(PAUSES_S) - 1)]
        self._due_at[name] = (time.monotonic() + pause, running.child)

    def _spawn(self, child: Child) -> None:
        process = self._spares.pop(child.name, None)
        if process is None or process.poll() is not None:
            process = self._popen(child)
        if process.stdin is not None:
            with suppress(BrokenPipeError), process.stdin as gate:  # it has died: that is seen soon
                gate.write(b"\n")
        running = _Running(child, process, processes.identify(process.pid), time.monotonic())
        self._running[child.name] = running
        threading.Thread(target=self._await_exit, args=[running], daemon=True).start()
        threading.Thread(target=self._await_ready, args=[running], daemon=True).start()
        self._write_record()
        self._on_change(self.pids())

    def _keep_spares(self) -> None:
        """Have a spare of each child that is ready; its start costs nobody a recovery then."""
        for name, running in self._running.items():
            spare = self._spares.get(name)
            is_missing = spare is None or spare.poll() is not None
            if running.child.has_gate and running.is_ready and is_missing:
                self._spares[name] = self._popen(running.child)

    def _popen(self, child: Child) -> "subprocess.Popen[bytes]":
        with self._logs.path(child.name).open("ab") as log:
            return subprocess.Popen(
                child.command(),
                stdin=subprocess.PIPE if child.has_gate else subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.data_dir if child.user is None else "/",
                env=dict(child.environment()),
                user=child.user,
                group=_group_of(child.user),
                extra_groups=None if child.user is None else [],
                start_new_session=True,
                preexec_fn=processes.with_parent(child.stop_signal),
            )

    def _await_exit(self, running: _Running) -> None:
        running.process.wait()
        running.exited.set()
        self._events.put(_Event("exited", running.child.name, running.process.pid))

    def _await_ready(self, running: _Running) -> None:
        pid = running.process.pid
        try:
            while not running.exited.wait(_POLL_S):
                if running.child.is_ready(pid):
                    self._events.put(_Event("ready", running.child.name, pid))
                    return
        except Hangs as error:
            self._logs.note(running.child.name, f"{running.child.name} hangs: {error}")
            _kill_group(pid)

    def _write_record(self) -> None:
        children = [
            {"name": r.child.name, "stop_signal": int(r.child.stop_signal), **r.identity._asdict()}
            for r in self._running.values()
            if r.identity is not None
        ]
        write_json(self.data_dir / RECORD, {"children": children}, mode=0o644)

    def _raise_if_stopping(self) -> None:
        if self.is_stopping:
            raise StopAsked

    def _is_ready(self, name: str) -> bool:
        return name in self._running and self._running[name].is_ready

    def _alive(self) -> list[_Running]:
        return [running for running in self._running.values() if not running.exited.is_set()]

    def _end_orphans(self) -> None:
        """What our children left behind, and what a thread of ours had just started."""
        deadline = time.monotonic() + _KILLED_DIE_WITHIN_S
        while (pids := processes.own_children()) and time.monotonic() < deadline:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
            processes.reap(pids)


def end_left_overs(data_dir: Path, *, seconds: float = 10.0) -> None:
    """End the children of a supervisor that was killed. Only for the holder of the lock."""
    try:
        record = json.loads((data_dir / RECORD).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return
    for child in record["children"]:
        left = Process(child["pid"], child["started"])
        processes.end([left], stop_signal=child["stop_signal"], seconds=seconds)
    (data_dir / RECORD).unlink()


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _group_of(user: int | None) -> int | None:
    if user is None:
        return None
    try:
        return pwd.getpwuid(user).pw_gid
    except KeyError:
        return user
