"""A ledger whose every process a test starts, and may stop, starve or lie to, by itself.

The servers live for the session, each with a second door through a `FaultProxy`; topics and
database are made anew for each test. Nothing restarts what ends: that it ends is tested.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from psycopg.conninfo import make_conninfo

from hpts.cluster import Cluster
from hpts.local import ledger, ports
from hpts.local.credentials import SIGNING_KEY_ID, Credentials
from hpts.local.postgres import PostgresServer
from hpts.local.processes import with_parent
from hpts.migrate import migrate
from hpts.provision import provision
from schemas.topics import COMMANDS, TOPICS
from tests.faults.fault_proxy import FaultProxy
from tests.faults.gone_topics import are_gone
from tests.faults.kafka_proxy import KafkaProxy, TwoDoors
from tests.local_servers import Running

READY_WITHIN_S = 40
ENDED_WITHIN_S = 20
HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@dataclass
class Service:
    """A process of ours."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path
    url: str = ""

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(ENDED_WITHIN_S)

    def said(self) -> str:
        return self.log.read_text("utf-8", errors="replace")

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None


class Servers:
    """Kafka, Postgres and a token issuer, each with a proxy before it, for the whole session."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        data_dir.mkdir(parents=True)
        doors = {"behind": ports.free_port(), "before": ports.free_port()}
        (data_dir / "doors.json").write_text(json.dumps(doors))
        self.kafka_proxy = KafkaProxy((ports.HOST, doors["behind"]), doors["before"])
        self.kafka_server, self.postgres_server = TwoDoors(data_dir), PostgresServer(data_dir)
        (data_dir / "secrets").mkdir(mode=0o700)
        self.credentials = Credentials(data_dir / "secrets")
        self.clients = self.credentials.clients()
        self.kafka = Running(self.kafka_server, data_dir.parent / "kafka.log")
        # One that lives on: a client that is collected takes its unanswered questions along.
        self.admin = AdminClient({"bootstrap.servers": self.kafka_server.bootstrap, "log_level": 0})
        self.postgres = Running(self.postgres_server, data_dir.parent / "postgres.log")
        port = int(self.postgres_server.admin_dsn.rsplit(":", 1)[1].split("/")[0])
        self.postgres_proxy = FaultProxy((ports.HOST, port))
        self._issuer = self.issuer()
        self.issuer_url = self._issuer.url

    def issuer(self, **more: str) -> "Service":
        """Start an issuer of tokens for the session's clients."""
        url = f"http://{ports.HOST}:{ports.free_port()}"
        settings = {
            "HPTS_PORT": url.rsplit(":", 1)[1],
            "HPTS_ISSUER_CLIENTS_FILE": str(self.credentials.clients_file),
            "HPTS_ISSUER_KEY_FILE": str(self.credentials.issuer_key),
            **trusting(url),
            **more,
        }
        service = spawn(
            "issuer", "hpts.local.issuer", self.data_dir.parent / "issuer.log", settings
        )
        service.url = url
        until(lambda: answer_of(f"{url}/health")[0] == 200, seconds=READY_WITHIN_S)
        return service

    def close(self) -> None:
        self._issuer.stop(signal.SIGKILL)
        for run in (self.kafka, self.postgres):
            with suppress(ProcessLookupError):
                run.process.send_signal(signal.SIGCONT)
            run.end(signal.SIGKILL)
        self.kafka_proxy.close()
        self.postgres_proxy.close()
        self.postgres_server.discard()


@dataclass
class OwnLedger:
    """Topics and a database made anew on the session's servers; or, with `keeps_topics`, an empty
    database beside another one, for the same log.
    """

    servers: Servers
    admin_dsn: str = ""
    keeps_topics: bool = False
    partition_count: int | None = None
    services: list[Service] = field(default_factory=list)
    _logs: int = 0

    def __post_init__(self) -> None:
        name = f"ledger_{uuid4().hex}"
        with psycopg.connect(self.servers.postgres_server.admin_dsn, autocommit=True) as admin:
            admin.execute(f'CREATE DATABASE "{name}"')
        self.admin_dsn = make_conninfo(self.servers.postgres_server.admin_dsn, dbname=name)
        migrate(self.admin_dsn, self.servers.credentials.passwords())
        if not self.keeps_topics:
            self.remove_topics()
        provision(self.bootstrap, self.admin_dsn, partition_count=self.partition_count)
        ledger.register_signing_key(
            self.admin_dsn, key_id=SIGNING_KEY_ID, secret=self.servers.credentials.signing_key
        )

    @property
    def bootstrap(self) -> str:
        return self.servers.kafka_server.bootstrap

    @property
    def proxied_bootstrap(self) -> str:
        return f"{ports.HOST}:{self.servers.kafka_proxy.port}"

    @property
    def admin(self) -> AdminClient:
        return self.servers.admin

    def remove_topics(self, *names: str) -> None:
        """Remove topics (all of ours, unless named) and wait until they are gone."""
        wanted = names or tuple(topic.name for topic in TOPICS)
        for answer in self.admin.delete_topics(list(wanted)).values():
            with suppress(KafkaException):  # there was none
                answer.result(timeout=20)
        cluster = Cluster(self.bootstrap)
        until(lambda: are_gone(cluster, wanted), seconds=20)

    def dsn_of(self, role: str, *, through_proxy: bool = False) -> str:
        dsn = ledger.as_role(self.admin_dsn, role, self.servers.credentials.passwords()[role])
        return make_conninfo(dsn, port=self.servers.postgres_proxy.port) if through_proxy else dsn

    def engine(
        self, slot: int = 0, *, is_ready: bool = True, through_proxy: bool = False, **more: str
    ) -> Service:
        """Start an engine; unless told otherwise, wait until it holds what it is given."""
        settings = {
            "HPTS_KAFKA_BOOTSTRAP": self.bootstrap,
            "HPTS_ENGINE_POSTGRES_DSN": self.dsn_of("hpts_engine", through_proxy=through_proxy),
            "HPTS_ENGINE_SLOT": str(slot),
            "HPTS_SIGNING_KEY_ID": SIGNING_KEY_ID,
            "HPTS_PROFILE": "local",
            **more,
        }
        service = self._start(f"engine-{slot}", "posting_engine", settings)
        if is_ready:
            until(
                lambda: self.held_by(service) > 0 or service.has_ended,
                seconds=READY_WITHIN_S,
                told=service.said,
            )
            assert not service.has_ended, service.said()
        return service

    def api(
        self,
        *,
        through_proxy: bool = False,
        postgres_through_proxy: bool = False,
        is_ready: bool = True,
        module: str = "hpts.local.api",
        **more: str,
    ) -> Service:
        """Start an API process (both edges); unless told otherwise, wait until it is ready."""
        port = ports.free_port()
        by_proxy = {"through_proxy": postgres_through_proxy}
        settings = {
            "HPTS_PORT": str(port),
            "HPTS_KAFKA_BOOTSTRAP": self.proxied_bootstrap if through_proxy else self.bootstrap,
            "HPTS_INGRESS_POSTGRES_DSN": self.dsn_of("hpts_ingress", **by_proxy),
            "HPTS_READ_POSTGRES_DSN": self.dsn_of("hpts_reader", **by_proxy),
            "HPTS_TOKEN_ALGORITHM": "RS256",
            "HPTS_PAGE_TOKEN_SECRET_FILE": str(self.servers.credentials.page_token_secret),
            "HPTS_SIGNING_KEY_ID": SIGNING_KEY_ID,
            "HPTS_PROFILE": "local",
            **trusting(self.servers.issuer_url),
            **more,
        }
        service = self._start("api", module, settings)
        service.url = f"http://{ports.HOST}:{port}"
        if is_ready:
            until(
                lambda: self.health(service)[0] == 200,
                seconds=READY_WITHIN_S,
                told=lambda: service.said() + str(self.health(service)),
            )
        return service

    def stack(self, api: Service) -> dict[str, Any]:
        """What a client must know, named as in local.json."""
        return {
            "api_url": api.url,
            "token_url": f"{self.servers.issuer_url}/oauth/token",
            "clients": self.servers.clients,
            "postgres_dsn": self.admin_dsn,
            "kafka_bootstrap": self.bootstrap,
        }

    def health(self, api: Service) -> tuple[int, dict[str, str]]:
        """The status of readiness, and what is not ready."""
        status, body = answer_of(f"{api.url}/v1/health/ready")
        return status, body.get("not_ready", {})

    def held_by(self, engine: Service) -> int:
        """How many partitions an engine has the lease of."""
        return sum(
            (owner or "").split("/")[1:2] == [str(engine.process.pid)]
            for _, _, owner, _ in self.partitions().values()
        )

    def partitions(self) -> dict[int, tuple[int, int, str | None, str | None]]:
        """Partition -> (next_offset, lease_epoch, owner, why it is halted)."""
        with psycopg.connect(self.admin_dsn) as connection:
            rows = connection.execute(
                "SELECT partition_id, next_offset, lease_epoch, lease_owner, halted_because"
                " FROM hpts.partitions ORDER BY 1"
            ).fetchall()
        return {row[0]: row[1:] for row in rows}

    def halted(self) -> dict[int, str]:
        return {p: why for p, (_, _, _, why) in self.partitions().items() if why is not None}

    def count(self, table: str) -> int:
        with psycopg.connect(self.admin_dsn) as connection:
            row = connection.execute(f"SELECT count(*) FROM hpts.{table}").fetchone()
        assert row is not None
        return int(row[0])

    def unapplied(self) -> int:
        """How many offsets the log has beyond the positions."""
        reader = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "a test"})
        try:
            return sum(
                reader.get_watermark_offsets(TopicPartition(COMMANDS, p), timeout=10)[1] - offset
                for p, (offset, *_) in self.partitions().items()
            )
        finally:
            reader.close()

    def close(self) -> None:
        """End everything of this ledger, and leave the servers as they were found."""
        for service in self.services:
            with suppress(ProcessLookupError):
                service.process.send_signal(signal.SIGCONT)
                service.process.kill()
            service.process.wait(ENDED_WITHIN_S)
        self.servers.kafka_proxy.heal()
        self.servers.postgres_proxy.heal()
        self.servers.postgres_proxy.cut_after = None
        for proxy in (self.servers.kafka_proxy, self.servers.postgres_proxy):
            proxy.cut()

    def _start(self, name: str, module: str, settings: dict[str, str]) -> Service:
        self._logs += 1
        log = self.servers.data_dir.parent / f"{name}.{id(self)}.{self._logs}.log"
        service = spawn(name, module, log, settings)
        self.services.append(service)
        return service


def trusting(issuer_url: str) -> dict[str, str]:
    """The settings of an edge that takes this issuer's tokens."""
    return {
        "HPTS_TOKEN_ISSUER": issuer_url,
        "HPTS_TOKEN_AUDIENCE": "hpts",
        "HPTS_HOST": ports.HOST,
        "HPTS_JWKS_URL": f"{issuer_url}/.well-known/jwks.json",
    }


def spawn(name: str, module: str, log: Path, settings: dict[str, str]) -> Service:
    """Start one of our modules; it ends with this process, however that ends."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("HPTS_")}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**inherited, **settings},
            start_new_session=True,
            preexec_fn=with_parent(signal.SIGKILL),
        )
    return Service(name, process, log)


def answer_of(url: str) -> tuple[int, dict[str, Any]]:
    """Status and JSON body of a GET; 0 where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except (OSError, ValueError):
        return 0, {}


def is_stopped(pid: int) -> bool:
    """Whether a process stands still, by SIGSTOP."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"


def until(
    is_so: Callable[[], bool], *, seconds: float, told: Callable[[], str] = lambda: ""
) -> None:
    """Wait for a condition; fails with `told` when it does not come."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not so within {seconds} s: {told()[-9000:]}"
        time.sleep(0.05)
