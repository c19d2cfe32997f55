"""What a local run is made of: its children, their settings, their order, and local.json.

Owns no process (the supervisor does) and no secret (`credentials` does). External servers take
the place of Kafka and Postgres when the options name them.
"""

from collections.abc import Callable
from typing import Any, Final

from hpts import migrate, provision
from hpts.local import api_port, console_page, folder, ledger, lock
from hpts.local.credentials import PRODUCER_KEY_ID, SIGNING_KEY_ID
from hpts.local.pki import AUTHORITY, PARTNER
from hpts.local.postgres import PostgresServer
from hpts.local.services import Options, Services
from hpts.local.supervisor import StopAsked, Supervisor, end_left_overs

SERVERS_READY_WITHIN_S: Final = 90
SERVICES_READY_WITHIN_S: Final = 60
_OF_THE_ISSUER: Final = ("operator", "certificate_file")
"""What only the issuer needs to know of a client."""

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
        partner_port = 0 if options.port == 0 else None
        with (
            api_port.reserved(options.port) as port,
            api_port.reserved(partner_port, default=api_port.PARTNERS) as partners,
        ):
            if options.port is None and port != api_port.DEFAULT:
                say(f"port {api_port.DEFAULT} is in use: the API gets {port}")
            stack = _Stack(options, port, partners)
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
    def __init__(self, options: Options, port: int, partner_port: int) -> None:
        self._options = options
        self._is_ready = False
        self.supervisor = Supervisor(options.data_dir, self._changed)
        self._services = Services(options, port, partner_port, self.supervisor.pids)

    def start(self, say: Say) -> None:
        """Bring everything up; returns when a payment would post."""
        say("starting Kafka and Postgres")
        of, credentials = self._services, self._services.credentials
        self.supervisor.run(*(one.prepare for one in (of.kafka, of.postgres) if one is not None))
        credentials.pki.prepare()
        credentials.clients()
        servers = [*of.servers(), of.issuer(), of.console()]
        self.supervisor.start(servers, seconds=SERVERS_READY_WITHIN_S)
        say("preparing the ledger")
        self.supervisor.run(self._prepare_ledger)
        say("starting the engine, the deliveries and the API")
        services = [*of.engines(), of.deliveries(), of.reconciliation(), *of.apis()]
        self.supervisor.start(services, seconds=SERVICES_READY_WITHIN_S)
        self._is_ready = True
        self._changed(self.supervisor.pids())

    def described(self) -> dict[str, Any]:
        """local.json (design section 9)."""
        of, credentials = self._services, self._services.credentials
        pki = credentials.pki
        return {
            "api_url": of.api_url,
            "partner_api_url": of.partner_api_url,
            "console_url": of.console_url,
            "console_sign_in_url": console_page.sign_in_url(of.console_url, credentials),
            "token_url": of.token_url,
            "jwks_url": f"{of.issuer_url}/.well-known/jwks.json",
            "kafka_bootstrap": of.bootstrap,
            "postgres_dsn": of.admin_dsn,
            "metrics": of.metrics,
            "processes": self.supervisor.pids(),
            "producer": {
                "signing_key_id": PRODUCER_KEY_ID,
                "signing_key_file": str(credentials.producer_key),
            },
            "clients": [
                {name: value for name, value in client.items() if name not in _OF_THE_ISSUER}
                for client in credentials.clients()
            ],
            "partner_cert": str(pki.certificate_file(PARTNER)),
            "partner_key": str(pki.key_file(PARTNER)),
            "ca_cert": str(pki.certificate_file(AUTHORITY)),
        }

    def _changed(self, _pids: dict[str, list[int]]) -> None:
        if self._is_ready:
            path = self._options.data_dir / folder.LOCAL_JSON
            folder.write_json(path, self.described(), mode=0o600)

    def _prepare_ledger(self) -> None:
        of, credentials = self._services, self._services.credentials
        migrate.migrate(of.admin_dsn, credentials.passwords())
        provision.provision(
            of.bootstrap,
            of.admin_dsn,
            durability=self._options.durability,
            security=self._options.security,
        )
        ledger.register_signing_key(
            of.admin_dsn, key_id=SIGNING_KEY_ID, secret=credentials.signing_key
        )
        ledger.register_signing_key(
            of.admin_dsn,
            key_id=PRODUCER_KEY_ID,
            secret=credentials.producer_key,
            tenants=credentials.tenants(),
        )
