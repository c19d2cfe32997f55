"""The session's running stack: `hpts up` in a folder of its own, and how tests run the commands."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.collector import Collector, collecting

HPTS = [sys.executable, "-P", "-m", "hpts"]
UP_WITHIN_S = 120
DOWN_WITHIN_S = 25
CHECKPOINT_SECONDS = "1"
"""So that no test waits a minute for one."""
PROXY = "127.0.0.9"
"""The one address whose Client-Cert header is believed (RFC 9440)."""


def hpts(
    *arguments: str, timeout: float = UP_WITHIN_S, **settings: str
) -> "subprocess.CompletedProcess[str]":
    """Run one command to its end; `settings` are added to its environment."""
    return subprocess.run(
        [*HPTS, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, **settings},
    )


def new_folder(name: str = "data") -> Path:
    """A data folder that another user's Postgres can reach, unlike pytest's own."""
    base = Path(tempfile.mkdtemp(prefix="hpts-test-"))
    base.chmod(0o755)
    return base / name


def read_local_json(data_dir: Path) -> dict[str, Any]:
    """What the stack on this folder says of itself now."""
    described: dict[str, Any] = json.loads((data_dir / "local.json").read_text(encoding="utf-8"))
    return described


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Where the session's stack sends its traces."""
    with collecting() as running:
        yield running


@pytest.fixture(scope="session")
def stack_dir(collector: Collector) -> Iterator[Path]:
    """The data folder of a stack that runs for the whole session."""
    data_dir = new_folder()
    here = ("--data-dir", str(data_dir))
    settings = {
        "HPTS_CHECKPOINT_SECONDS": CHECKPOINT_SECONDS,
        "HPTS_PARTNER_PROXIES": PROXY,
        "HPTS_TRACES_URL": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }
    started = hpts("up", "--detach", "--port", "0", *here, **settings)
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        yield data_dir
    finally:
        hpts("down", "--data-dir", str(data_dir), timeout=DOWN_WITHIN_S)
        shutil.rmtree(data_dir.parent)


@pytest.fixture(scope="session")
def stack(stack_dir: Path) -> dict[str, Any]:
    """The running stack's local.json."""
    return read_local_json(stack_dir)
