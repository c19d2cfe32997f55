"""The stack of a campaign: servers, fault proxies before them, `hpts up` behind the proxies.

Everything lies in one folder: `servers/`, `stack/` (the data folder of `hpts up`), `clients/`
(the logs), `orders/` (labelled crash points). Signals go to processes by their ids only.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hpts.local import ports
from schemas import crash_points
from tests.faults.campaign.proxy import Proxy, kafka_proxy, postgres_proxy
from tests.faults.campaign.servers import SERVERS_JSON

PYTHON: Final = (sys.executable, "-P", "-m")
READY_WITHIN_S: Final = 150
STOPPED_WITHIN_S: Final = 40
ENGINES: Final = 3
"""One may stand still, one may be dead, and one still works."""


@dataclass(eq=False)
class Stack:
    """One running ledger whose every network connection to a server is ours to break."""

    folder: Path
    kafka: Proxy = field(init=False)
    postgres: Proxy = field(init=False)
    _servers: "subprocess.Popen[bytes] | None" = None

    @property
    def data_dir(self) -> Path:
        return self.folder / "stack"

    @property
    def local_json(self) -> Path:
        return self.data_dir / "local.json"

    @property
    def orders(self) -> Path:
        return self.folder / "orders"

    @property
    def clients(self) -> Path:
        return self.folder / "clients"

    @property
    def dsn(self) -> str:
        """The administrator's way to Postgres, past the proxy."""
        return str(self.servers()["postgres"])

    @property
    def bootstrap(self) -> str:
        """The way to Kafka, past the proxy."""
        return str(self.servers()["kafka"])

    def servers(self) -> dict[str, Any]:
        """What the servers' supervisor says of them."""
        found: dict[str, Any] = json.loads((self.folder / "servers" / SERVERS_JSON).read_text())
        return found

    def pids(self, kind: str) -> list[int]:
        """The process ids of `kafka`, `postgres`, `engine` or `ingress` as they are now."""
        if kind in ("kafka", "postgres"):
            return list(self.servers()["pids"].get(kind, []))
        described = json.loads(self.local_json.read_text())
        return list(described["processes"].get(kind, []))

    def engine_log(self, slot: int) -> Path:
        """What an engine slot has logged, over all its processes."""
        return self.data_dir / "logs" / (f"engine-{slot}.log" if slot else "engine.log")

    async def start(self) -> None:
        """Servers, proxies, then the ledger; returns when a payment would post."""
        for path in (self.folder / "servers", self.orders, self.clients):
            path.mkdir(parents=True, exist_ok=True)
        with (self.folder / "servers.log").open("ab") as output:
            self._servers = subprocess.Popen(
                [*PYTHON, "tests.faults.campaign.servers", str(self.folder / "servers")],
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        await _until(lambda: (self.folder / "servers" / SERVERS_JSON).exists())
        self.kafka = kafka_proxy(ports.free_port(), _port_of(self.bootstrap))
        self.postgres = postgres_proxy(ports.free_port(), _port_of(self.dsn.rpartition("/")[0]))
        await self.kafka.start()
        await self.postgres.start()
        await self._hpts("up", "--detach", "--port", "0", "--engines", str(ENGINES))

    async def stop(self) -> None:
        """End everything that was started here, in order."""
        if self.local_json.exists():
            await self._hpts("down")
        for proxy in (self.kafka, self.postgres):
            await proxy.close()
        if self._servers is not None:
            self._servers.send_signal(signal.SIGTERM)
            await asyncio.to_thread(self._servers.wait, STOPPED_WITHIN_S)

    async def _hpts(self, *arguments: str) -> None:
        dsn, port = self.dsn, _port_of(self.dsn.rpartition("/")[0])
        process = await asyncio.create_subprocess_exec(
            *(*PYTHON, "hpts", *arguments, "--data-dir", str(self.data_dir)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={
                **os.environ,
                "HPTS_KAFKA_BOOTSTRAP": f"{ports.HOST}:{self.kafka.port}",
                "HPTS_POSTGRES_DSN": dsn.replace(f":{port}/", f":{self.postgres.port}/"),
                crash_points.SETTING: str(self.orders),
            },
        )
        said, _ = await asyncio.wait_for(process.communicate(), READY_WITHIN_S)
        if process.returncode:
            raise RuntimeError(f"hpts {arguments[0]}: {said.decode()}")


def send(pid: int, number: signal.Signals) -> bool:
    """Signal one process; False when it has just ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)
        return True
    return False


async def _until(is_so: Any) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while not is_so():
        if time.monotonic() > deadline:
            raise RuntimeError("the servers do not become ready")
        await asyncio.sleep(0.05)


def _port_of(address: str) -> int:
    return int(address.rpartition(":")[2])
