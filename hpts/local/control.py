"""A look at a running stack from outside, and its end: what `status` and `down` know."""

import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from hpts.local import lock, processes
from hpts.local.folder import LOCAL_JSON
from hpts.local.lock import AlreadyHeld
from hpts.local.supervisor import end_left_overs

SUPERVISOR_LOG: Final = "supervisor.log"
_STOPS_WITHIN_S: Final = 20
_ASK_TIMEOUT_S: Final = 5


class CannotStop(Exception):
    """It still runs. The message says why."""


def stop(data_dir: Path) -> str:
    """End what runs on the folder and return a sentence about it. Raises CannotStop."""
    running = lock.holder(data_dir)
    if running is None:
        if data_dir.is_dir():
            _end_what_a_killed_supervisor_left(data_dir)
        return f"nothing runs on {data_dir}"
    if running.pid is None:
        raise CannotStop(f"somebody holds {data_dir / lock.NAME}, but does not say who")
    supervisor = processes.identify(running.pid)
    try:
        os.kill(running.pid, signal.SIGTERM)
    except ProcessLookupError:
        pass
    except PermissionError:
        raise CannotStop(f"process {running.pid} belongs to another user") from None
    deadline = time.monotonic() + _STOPS_WITHIN_S
    while supervisor is not None and supervisor.is_alive:
        if time.monotonic() > deadline:
            raise CannotStop(f"process {running.pid} still runs after {_STOPS_WITHIN_S} s")
        time.sleep(0.05)
    return f"stopped {data_dir}"


def look(data_dir: Path) -> dict[str, Any]:
    """What runs there: running, ready, supervisor, api_url, console_sign_in_url, processes,
    not_ready, warnings.
    """
    running = lock.holder(data_dir)
    found: dict[str, Any] = {
        "running": running is not None,
        "ready": False,
        "supervisor": running.pid if running else None,
        "api_url": None,
        "console_sign_in_url": None,
        "processes": {},
        "not_ready": {},
        "warnings": {},
    }
    if running is None:
        return found
    described = _described(data_dir)
    if described is None:
        return {**found, "not_ready": {"stack": "it is being started or stopped"}}
    faults, warnings = _readiness(described["api_url"])
    return {
        **found,
        "ready": not faults,
        "api_url": described["api_url"],
        "console_sign_in_url": described["console_sign_in_url"],
        "processes": described["processes"],
        "not_ready": faults,
        "warnings": warnings,
    }


def servers(data_dir: Path, environment: Mapping[str, str]) -> tuple[str, str] | None:
    """The administrator's connection and the Kafka bootstrap: as set, else of what runs there."""
    described = _described(data_dir) or {}
    admin_dsn = environment.get("HPTS_POSTGRES_DSN") or described.get("postgres_dsn")
    bootstrap = environment.get("HPTS_KAFKA_BOOTSTRAP") or described.get("kafka_bootstrap")
    return (admin_dsn, bootstrap) if admin_dsn and bootstrap else None


def told_of(other: AlreadyHeld, data_dir: Path) -> str:
    """What to say to a second `up` on the folder."""
    described = _described(data_dir)
    where = f"at {described['api_url']}" if described else "and is being started or stopped"
    return (
        f"process {other.pid} already runs on {data_dir}, {where}.\n"
        "Stop it with `hpts down`, or choose another --data-dir."
    )


def is_alive(pid: int) -> bool:
    """Whether a process with this id runs."""
    return processes.identify(pid) is not None


def _end_what_a_killed_supervisor_left(data_dir: Path) -> None:
    try:
        with lock.held(data_dir):
            end_left_overs(data_dir)
            (data_dir / LOCAL_JSON).unlink(missing_ok=True)
    except AlreadyHeld:
        raise CannotStop(f"{data_dir} is being started right now; try again") from None


def _described(data_dir: Path) -> dict[str, Any] | None:
    try:
        described: dict[str, Any] = json.loads((data_dir / LOCAL_JSON).read_text("utf-8"))
    except FileNotFoundError:
        return None
    return described


def _readiness(api_url: str) -> tuple[dict[str, str], dict[str, str]]:
    """What the API says is not ready, by name, and what it warns of."""
    try:
        url = f"{api_url}/v1/health/ready"
        with urllib.request.urlopen(url, timeout=_ASK_TIMEOUT_S) as answer:
            return {}, dict(json.load(answer).get("warnings", {}))
    except urllib.error.HTTPError as error:
        try:
            return dict(json.loads(error.read())["not_ready"]), {}
        except (ValueError, KeyError):
            return {"api": f"answered with status {error.code}"}, {}
    except OSError as error:
        return {"api": str(error)}, {}
