"""What a local run is made of: its children, their settings, their order, and local.json.

Owns no process (the supervisor does) and no secret (`credentials` does). External servers take
the place of Kafka and Postgres when the options name them.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hpts import migrate, provision
from hpts.local import api_port, console_page, folder, ledger, lock, ports
from hpts.local.credentials import PRODUCER_KEY_ID, SIGNING_KEY_ID, Credentials
from hpts.local.kafka import KafkaServer
from hpts.local.postgres import PostgresServer
from hpts.local.supervisor import Child, StopAsked, Supervisor, end_left_overs
from schemas import topic_policy

AUDIENCE: Final = "hpts"
GATE: Final = "hpts.local.gate"
SERVERS_READY_WITHIN_S: Final = 90
SERVICES_READY_WITHIN_S: Final = 60
_ASK_TIMEOUT_S: Final = 3
_SERVERS, _ISSUER, _ENGINES, _API = range(4)  # in this order they start; they end in the reverse


@dataclass(frozen=True)
class Options:
    """What `hpts up` was told. `port` as in `api_port.reserved`; None servers: our own."""

    data_dir: Path
    port: int | None = None
    engines: int = 1
    ingress: int = 1
    is_fresh: bool = False
    kafka_bootstrap: str | None = None
    postgres_dsn: str | None = None
    durability: str | None = None
    """`power`: every command is on the disk before it is acknowledged."""


Say = Callable[[str], None]
Announce = Callable[[dict[str, Any]], None]


def run(options: Options, say: Say, announce: Announce) -> bool:
    """Run it all until asked to stop; `announce` gets local.json's content once all is ready.

    Returns whether it became ready. Raises `lock.AlreadyHeld`, `api_port.PortTaken`,
    `supervisor.NotReady` and what the parts raise; whichever way it ends, nothing runs on.
    """
    data_dir = options.data_dir
    data_dir.mkdir(parents=True, exist_ok=True)
    with lock.held(data_dir):
        end_left_overs(data_dir)
        if options.is_fresh:
            PostgresServer(data_dir).discard()  # it may lie elsewhere
        folder.open_folder(data_dir, is_fresh=options.is_fresh)
        with api_port.reserved(options.port) as port:
            if options.port is None and port != api_port.DEFAULT:
                say(f"port {api_port.DEFAULT} is in use: the API gets {port}")
            stack = _Stack(options, port)
            stack.supervisor.listen()
            try:
                stack.start(say)
                announce(stack.described())
                stack.supervisor.watch()
                say("stopping")
            except StopAsked:
                return False
            finally:
                stack.supervisor.stop()
                (data_dir / folder.LOCAL_JSON).unlink(missing_ok=True)
    return True


class _Stack:
    def __init__(self, options: Options, port: int) -> None:
        self._options = options
        self._port = port
        self._issuer_port = ports.free_port()
        self._console_port = console_page.port_for(options.port)
        self._credentials = Credentials(options.data_dir / "secrets")
        self._kafka = None if options.kafka_bootstrap else KafkaServer(options.data_dir)
        self._postgres = None if options.postgres_dsn else PostgresServer(options.data_dir)
        self._is_ready = False
        self.supervisor = Supervisor(options.data_dir, self._changed)

    def start(self, say: Say) -> None:
        """Bring everything up; returns when a payment would post."""
        say("starting Kafka and Postgres")
        servers = [server for server in (self._kafka, self._postgres) if server is not None]
        self.supervisor.run(*(server.prepare for server in servers))
        self._credentials.clients()
        self.supervisor.start(
            [*self._server_children(), self._issuer(), self._console()],
            seconds=SERVERS_READY_WITHIN_S,
        )
        say("preparing the ledger")
        self.supervisor.run(self._prepare_ledger)
        say("starting the engine and the API")
        self.supervisor.start([*self._engines(), *self._apis()], seconds=SERVICES_READY_WITHIN_S)
        self._is_ready = True
        self._changed(self.supervisor.pids())

    def described(self) -> dict[str, Any]:
        """local.json (design section 9): members whose part is not built yet are absent."""
        return {
            "api_url": self._api_url,
            "console_url": self._console_url,
            "console_sign_in_url": console_page.sign_in_url(self._console_url, self._credentials),
            "token_url": self._token_url,
            "jwks_url": f"{self._issuer_url}/.well-known/jwks.json",
            "kafka_bootstrap": self._bootstrap,
            "postgres_dsn": self._admin_dsn,
            "processes": self.supervisor.pids(),
            "producer": {
                "signing_key_id": PRODUCER_KEY_ID,
                "signing_key_file": str(self._credentials.producer_key),
            },
            "clients": [
                {name: value for name, value in client.items() if name != "operator"}
                for client in self._credentials.clients()
            ],
        }

    def _changed(self, _pids: dict[str, list[int]]) -> None:
        if self._is_ready:
            path = self._options.data_dir / folder.LOCAL_JSON
            folder.write_json(path, self.described(), mode=0o600)

    @property
    def _bootstrap(self) -> str:
        return self._kafka.bootstrap if self._kafka else self._options.kafka_bootstrap or ""

    @property
    def _admin_dsn(self) -> str:
        return self._postgres.admin_dsn if self._postgres else self._options.postgres_dsn or ""

    @property
    def _issuer_url(self) -> str:
        return f"http://{ports.HOST}:{self._issuer_port}"

    @property
    def _token_url(self) -> str:
        return f"{self._issuer_url}/oauth/token"

    @property
    def _api_url(self) -> str:
        return f"http://{ports.HOST}:{self._port}"

    @property
    def _console_url(self) -> str:
        return f"http://{ports.HOST}:{self._console_port}"

    def _prepare_ledger(self) -> None:
        migrate.migrate(self._admin_dsn, self._credentials.passwords())
        provision.provision(self._bootstrap, self._admin_dsn, durability=self._options.durability)
        ledger.register_signing_key(
            self._admin_dsn, key_id=SIGNING_KEY_ID, secret=self._credentials.signing_key
        )
        ledger.register_signing_key(
            self._admin_dsn,
            key_id=PRODUCER_KEY_ID,
            secret=self._credentials.producer_key,
            tenants=self._credentials.tenants(),
        )

    def _server_children(self) -> list[Child]:
        servers = (("kafka", self._kafka), ("postgres", self._postgres))
        return [_server(name, server) for name, server in servers if server is not None]

    def _issuer(self) -> Child:
        settings = {
            "HPTS_PORT": str(self._issuer_port),
            "HPTS_ISSUER_CLIENTS_FILE": str(self._credentials.clients_file),
            "HPTS_ISSUER_KEY_FILE": str(self._credentials.issuer_key),
        }
        url = f"{self._issuer_url}/.well-known/jwks.json"
        return self._service(
            "issuer",
            "hpts.local.issuer",
            settings,
            lambda _pid: _answers(url),
            stage=_ISSUER,
            has_gate=False,
        )

    def _console(self) -> Child:
        """It needs nothing to start, so it starts while Kafka does."""
        settings = console_page.settings(
            port=self._console_port,
            api_url=self._api_url,
            token_url=self._token_url,
            credentials=self._credentials,
        )
        return self._service(
            "console",
            "console",
            settings,
            lambda _pid: _answers(f"{self._console_url}/health"),
            stage=_API,
            has_gate=False,
        )

    def _engines(self) -> list[Child]:
        def is_served(_pid: int) -> bool:
            return ledger.is_served(self._admin_dsn, self.supervisor.pids().get("engine", []))

        return [
            self._service(
                "engine",
                "posting_engine",
                {
                    "HPTS_ENGINE_POSTGRES_DSN": self._dsn_of("hpts_engine"),
                    "HPTS_ENGINE_SLOT": str(slot),
                    "HPTS_CHECKPOINT_KEY_FILE": str(self._credentials.checkpoint_key),
                    "HPTS_CHECKPOINT_FOLDER": str(self._options.data_dir / "checkpoints"),
                },
                is_served,
                stage=_ENGINES,
                number=slot,
            )
            for slot in range(self._options.engines)
        ]

    def _apis(self) -> list[Child]:
        settings = {
            "HPTS_PORT": str(self._port),
            "HPTS_INGRESS_POSTGRES_DSN": self._dsn_of("hpts_ingress"),
            "HPTS_READ_POSTGRES_DSN": self._dsn_of("hpts_reader"),
            "HPTS_JWKS_URL": f"{self._issuer_url}/.well-known/jwks.json",
            "HPTS_TOKEN_ALGORITHM": "RS256",
            "HPTS_PAGE_TOKEN_SECRET_FILE": str(self._credentials.page_token_secret),
        }
        url = f"{self._api_url}/v1/health/ready"
        return [
            self._service(
                "api",
                "hpts.local.api",
                settings,
                lambda pid: api_port.is_listening(pid, self._port) and _answers(url),
                stage=_API,
                number=number,
                kinds=("ingress", "read"),
            )
            for number in range(self._options.ingress)
        ]

    def _service(
        self,
        name: str,
        module: str,
        settings: Mapping[str, str],
        is_ready: Callable[[int], bool],
        *,
        stage: int,
        number: int = 0,
        kinds: tuple[str, ...] = (),
        has_gate: bool = True,
    ) -> Child:
        """One of our own processes: the settings that all share, and its own."""
        shared = {
            "HPTS_KAFKA_BOOTSTRAP": self._bootstrap,
            "HPTS_SIGNING_KEY_ID": SIGNING_KEY_ID,
            "HPTS_TOKEN_ISSUER": self._issuer_url,
            "HPTS_TOKEN_AUDIENCE": AUDIENCE,
            "HPTS_HOST": ports.HOST,
            "HPTS_PROFILE": topic_policy.LOCAL,
            "HPTS_DURABILITY": self._options.durability or "",
        }
        inherited = {key: value for key, value in os.environ.items() if key != "HPTS_POSTGRES_DSN"}
        return Child(
            name=f"{name}-{number}" if number else name,
            kinds=kinds or (name,),
            command=lambda: [sys.executable, "-P", "-m", *([GATE] if has_gate else []), module],
            environment=lambda: {**inherited, **shared, **settings},
            is_ready=is_ready,
            stage=stage,
            has_gate=has_gate,
        )

    def _dsn_of(self, role: str) -> str:
        return ledger.as_role(self._admin_dsn, role, self._credentials.passwords()[role])


def _server(name: str, server: KafkaServer | PostgresServer) -> Child:
    return Child(
        name=name,
        kinds=(name,),
        command=server.command,
        environment=server.environment,
        is_ready=lambda _pid: server.is_ready(),
        stage=_SERVERS,
        stop_signal=server.stop_signal,
        user=server.user,
    )


def _answers(url: str) -> bool:
    """Whether a GET is answered with success."""
    try:
        with urllib.request.urlopen(url, timeout=_ASK_TIMEOUT_S) as answer:
            json.load(answer)
    except (OSError, ValueError, urllib.error.URLError):
        return False
    return True
