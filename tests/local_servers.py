"""The session's bare servers: a migrated Postgres, and a Kafka whose topics it is pinned to."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hpts.local.kafka import KafkaServer
from hpts.local.postgres import PostgresServer
from hpts.local.processes import with_parent
from hpts.migrate import migrate
from hpts.provision import provision
from tests.container_servers import container_kafka, container_postgres, source
from tests.local_stack import new_folder

READY_WITHIN_S = 60
STOPPED_WITHIN_S = 60
"""A Postgres writes hundreds of databases back first."""


class Running:
    """A server's process; it ends with the test's, however that ends."""

    def __init__(self, server: KafkaServer | PostgresServer, output: Path) -> None:
        self._server = server
        self._output = output
        self.start()

    def start(self) -> None:
        """Prepare and start; returns when it is ready."""
        self._server.prepare()
        deadline = time.monotonic() + READY_WITHIN_S
        written = self._launch()
        while not self._server.is_ready():
            said = self._output.read_text()[written:][-2000:]
            if self.process.poll() is not None:
                # The children of a killed postmaster hold its memory for a moment longer.
                assert "shared memory block" in said, f"it ended: {said}"
                written = self._launch()
            assert time.monotonic() < deadline, f"it does not become ready: {said}"
            time.sleep(0.05)

    def _launch(self) -> int:
        """Start the process; how much had been written before."""
        written = len(self._output.read_text()) if self._output.exists() else 0
        with self._output.open("ab") as output:
            self.process = subprocess.Popen(
                self._server.command(),
                env=self._server.environment(),
                user=self._server.user,
                group=self._server.user,
                extra_groups=None if self._server.user is None else [],
                cwd="/",
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=with_parent(signal.SIGKILL),
            )
        return written

    def end(self, signal_number: int) -> None:
        """Send the signal and wait for the end."""
        self.process.send_signal(signal_number)
        self.process.wait(STOPPED_WITHIN_S)


@contextmanager
def running(server: KafkaServer | PostgresServer) -> Iterator[Running]:
    """The server, ready; stopped on leaving."""
    run = Running(server, server.data_dir.parent / f"{type(server).__name__}.log")
    try:
        yield run
    finally:
        run.end(server.stop_signal)


@contextmanager
def folder_of_servers() -> Iterator[Path]:
    """A data folder that goes with all that servers leave in it and elsewhere."""
    data_dir = new_folder()
    yield data_dir
    PostgresServer(data_dir).discard()
    shutil.rmtree(data_dir.parent)


@pytest.fixture
def server_dir() -> Iterator[Path]:
    """A data folder for servers of one test's own."""
    with folder_of_servers() as data_dir:
        yield data_dir


@pytest.fixture(scope="session")
def bare_servers_dir() -> Iterator[Path]:
    with folder_of_servers() as data_dir:
        yield data_dir


@pytest.fixture(scope="session")
def postgres(bare_servers_dir: Path) -> Iterator[str]:
    """The administrator's DSN of a migrated database; nothing else runs on it."""
    if source() == "testcontainers":
        with container_postgres() as dsn:
            migrate(dsn)
            yield dsn
        return
    server = PostgresServer(bare_servers_dir)
    with running(server):
        migrate(server.admin_dsn)
        yield server.admin_dsn


@pytest.fixture(scope="session")
def kafka(bare_servers_dir: Path, postgres: str) -> Iterator[str]:
    """The bootstrap address of a broker with the topics that `postgres` is pinned to."""
    if source() == "testcontainers":
        with container_kafka() as bootstrap:
            provision(bootstrap, postgres)
            yield bootstrap
        return
    server = KafkaServer(bare_servers_dir)
    with running(server):
        provision(server.bootstrap, postgres)
        yield server.bootstrap
