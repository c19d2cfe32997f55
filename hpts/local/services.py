"""The children of a local run: what each is started with, and when it is ready.

The settings of every process come from here. Starts nothing: `supervisor` does, as `stack` says.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hpts.local import api_port, console_page, ledger, ports
from hpts.local.credentials import SIGNING_KEY_ID, Credentials
from hpts.local.kafka import KafkaServer
from hpts.local.pki import AUTHORITY, SERVER
from hpts.local.postgres import PostgresServer
from hpts.local.supervisor import Child
from schemas import topic_policy
from schemas.kafka_security import Security

AUDIENCE: Final = "hpts"
GATE: Final = "hpts.local.gate"
_ASK_TIMEOUT_S: Final = 3
_SERVERS, _ISSUER, _WITNESS, _DELIVERIES, _ENGINES, _API = range(6)
"""In this order they start; they end in the reverse."""


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
    security: Security = field(default_factory=dict)
    """Of the connections to an external Kafka."""


class Services:
    """Kafka and Postgres, unless external ones are named, and our own processes.

    `pids` tells the process ids of each kind that runs now.
    """

    def __init__(
        self,
        options: Options,
        port: int,
        partner_port: int,
        pids: Callable[[], dict[str, list[int]]],
    ) -> None:
        self._options = options
        self._port = port
        self._partner_port = partner_port
        self._pids = pids
        self._issuer_port = ports.free_port()
        self._deliveries_port = ports.free_port()
        self._reconciliation_port = ports.free_port()
        self._console_port = console_page.port_for(options.port)
        self.credentials = Credentials(options.data_dir / "secrets")
        self.kafka = None if options.kafka_bootstrap else KafkaServer(options.data_dir)
        self.postgres = None if options.postgres_dsn else PostgresServer(options.data_dir)
        self.metrics: dict[str, str] = {}
        """Where Prometheus finds those that tell it something, once they are described."""

    @property
    def bootstrap(self) -> str:
        """Where Kafka's clients connect."""
        return self.kafka.bootstrap if self.kafka else self._options.kafka_bootstrap or ""

    @property
    def admin_dsn(self) -> str:
        """The administrator's way into Postgres."""
        return self.postgres.admin_dsn if self.postgres else self._options.postgres_dsn or ""

    @property
    def issuer_url(self) -> str:
        """Of the development issuer."""
        return f"http://{ports.HOST}:{self._issuer_port}"

    @property
    def token_url(self) -> str:
        """Where clients get tokens."""
        return f"{self.issuer_url}/oauth/token"

    @property
    def api_url(self) -> str:
        """Without /v1."""
        return f"http://{ports.HOST}:{self._port}"

    @property
    def console_url(self) -> str:
        """Of the web pages."""
        return f"http://{ports.HOST}:{self._console_port}"

    @property
    def partner_api_url(self) -> str:
        """With mutual TLS, without /v1."""
        return f"https://{ports.HOST}:{self._partner_port}"

    def servers(self) -> list[Child]:
        """Our own of Kafka and Postgres."""
        servers = (("kafka", self.kafka), ("postgres", self.postgres))
        return [_server(name, server) for name, server in servers if server is not None]

    def issuer(self) -> Child:
        """The development issuer of tokens."""
        settings = {
            "HPTS_PORT": str(self._issuer_port),
            "HPTS_ISSUER_CLIENTS_FILE": str(self.credentials.clients_file),
            "HPTS_ISSUER_KEY_FILE": str(self.credentials.issuer_key),
        }
        url = f"{self.issuer_url}/.well-known/jwks.json"
        return self._service(
            "issuer",
            "hpts.local.issuer",
            settings,
            lambda _pid: _answers(url),
            stage=_ISSUER,
            has_gate=False,
        )

    def console(self) -> Child:
        """It needs nothing to start, so it starts while Kafka does."""
        settings = console_page.settings(
            port=self._console_port,
            api_url=self.api_url,
            token_url=self.token_url,
            credentials=self.credentials,
        )
        return self._service(
            "console",
            "console",
            settings,
            lambda _pid: _answers(f"{self.console_url}/health"),
            stage=_API,
            has_gate=False,
        )

    def engines(self) -> list[Child]:
        """The posting engines, one a slot."""

        def is_served(_pid: int) -> bool:
            return ledger.is_served(self.admin_dsn, self._pids().get("engine", []))

        return [
            self._service(
                "engine",
                "posting_engine",
                {
                    "HPTS_ENGINE_POSTGRES_DSN": self._dsn_of("hpts_engine"),
                    "HPTS_ENGINE_SLOT": str(slot),
                    "HPTS_CHECKPOINT_KEY_FILE": str(self.credentials.checkpoint_key),
                    "HPTS_CHECKPOINT_FOLDER": str(self._options.data_dir / "checkpoints"),
                },
                is_served,
                stage=_ENGINES,
                number=slot,
                has_metrics=True,
            )
            for slot in range(self._options.engines)
        ]

    def deliveries(self) -> Child:
        """What publishes the journal and sends webhooks."""
        settings = {
            "HPTS_DELIVERIES_PORT": str(self._deliveries_port),
            "HPTS_DELIVERIES_POSTGRES_DSN": self._dsn_of("hpts_deliveries"),
        }
        url = f"http://{ports.HOST}:{self._deliveries_port}/health/ready"
        return self._service(
            "deliveries",
            "deliveries",
            settings,
            lambda _pid: _answers(url),
            stage=_DELIVERIES,
            has_metrics=True,
        )

    def reconciliation(self) -> Child:
        """The witness."""
        settings = {
            "HPTS_RECONCILIATION_PORT": str(self._reconciliation_port),
            "HPTS_RECONCILIATION_POSTGRES_DSN": self._dsn_of("hpts_reconciliation"),
        }
        url = f"http://{ports.HOST}:{self._reconciliation_port}/health/live"
        return self._service(
            "reconciliation",
            "reconciliation",
            settings,
            lambda _pid: _answers(url),
            stage=_WITNESS,
            # Nobody waits for it: a spare would only cost memory.
            has_gate=False,
            has_metrics=True,
        )

    def apis(self) -> list[Child]:
        """Both edges behind one port, in each process."""
        settings = {
            "HPTS_PORT": str(self._port),
            "HPTS_INGRESS_POSTGRES_DSN": self._dsn_of("hpts_ingress"),
            "HPTS_READ_POSTGRES_DSN": self._dsn_of("hpts_reader"),
            "HPTS_JWKS_URL": f"{self.issuer_url}/.well-known/jwks.json",
            "HPTS_TOKEN_ALGORITHM": "RS256",
            "HPTS_PAGE_TOKEN_SECRET_FILE": str(self.credentials.page_token_secret),
            **self._partner_settings(),
        }
        url = f"{self.api_url}/v1/health/ready"
        return [
            self._service(
                "api",
                "hpts.local.api",
                settings,
                lambda pid: (
                    api_port.is_listening(pid, self._port)
                    and api_port.is_listening(pid, self._partner_port)
                    and _answers(url)
                ),
                stage=_API,
                number=number,
                kinds=("ingress", "read"),
                has_metrics=True,
            )
            for number in range(self._options.ingress)
        ]

    def _partner_settings(self) -> dict[str, str]:
        pki = self.credentials.pki
        return {
            "HPTS_PARTNER_HOST": ports.HOST,
            "HPTS_PARTNER_PORT": str(self._partner_port),
            "HPTS_PARTNER_CERTIFICATE_FILE": str(pki.certificate_file(SERVER)),
            "HPTS_PARTNER_KEY_FILE": str(pki.key_file(SERVER)),
            "HPTS_PARTNER_CA_FILE": str(pki.certificate_file(AUTHORITY)),
            "HPTS_PARTNER_REVOCATION_FILE": str(pki.revocation_list),
        }

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
        has_metrics: bool = False,
    ) -> Child:
        """One of our own processes: the settings that all share, and its own."""
        kind, name = name, f"{name}-{number}" if number else name
        shared = {
            "HPTS_KAFKA_BOOTSTRAP": self.bootstrap,
            "HPTS_SIGNING_KEY_ID": SIGNING_KEY_ID,
            "HPTS_TOKEN_ISSUER": self.issuer_url,
            "HPTS_TOKEN_AUDIENCE": AUDIENCE,
            "HPTS_HOST": ports.HOST,
            "HPTS_PROFILE": topic_policy.LOCAL,
            # Whoever runs it on this machine wants to see webhooks on this machine.
            "HPTS_WEBHOOK_ALLOWED": os.environ.get("HPTS_WEBHOOK_ALLOWED", ports.HOST),
            "HPTS_DURABILITY": self._options.durability or "",
        }
        if has_metrics:
            port = ports.free_port()
            shared["HPTS_METRICS_PORT"] = str(port)
            self.metrics[name] = f"http://{ports.HOST}:{port}/metrics"
        inherited = {key: value for key, value in os.environ.items() if key != "HPTS_POSTGRES_DSN"}
        return Child(
            name=name,
            kinds=kinds or (kind,),
            command=lambda: [sys.executable, "-P", "-m", *([GATE] if has_gate else []), module],
            environment=lambda: {**inherited, **shared, **settings},
            is_ready=is_ready,
            stage=stage,
            has_gate=has_gate,
        )

    def _dsn_of(self, role: str) -> str:
        return ledger.as_role(self.admin_dsn, role, self.credentials.passwords()[role])


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
