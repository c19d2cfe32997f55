"""One app behind two listeners: the internal one, and that of partners, with mutual TLS.

uvicorn knows one way to listen for each server, and does not tell the app of a client certificate.
Here a second asyncio server is opened beside uvicorn's own, with a protocol that does; requests,
limits, the lifespan and the end in order are shared. The certificate files are read at start, the
revocation list whenever it changes.
"""

import asyncio
import socket
import ssl
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import uvicorn
from cryptography import x509

from schemas.http_protocol import KEPT_FOR_S, HttpProtocol
from schemas.partners.edge import PartnerEdge
from schemas.partners.revocations import Revocations
from schemas.partners.settings import PartnerSettings

HANDSHAKE_WITHIN_S: Final = 10.0
USAGE: Final = 2
STARTUP_FAILURE: Final = 3
_TLS_VERSIONS: Final = {"TLSv1.2": 0x0303, "TLSv1.3": 0x0304}


class PartnerProtocol(HttpProtocol):
    """Tells the edge of the handshake's certificate, in the ASGI TLS extension."""

    def __init__(self, *, edge: PartnerEdge, **given: Any) -> None:
        super().__init__(**given)
        self.app = edge
        self.ws_protocol_class = None
        self._extensions: dict[str, dict[str, Any]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The handshake is over: what it said holds for every request of the connection."""
        super().connection_made(transport)
        self._extensions = {"tls": _extension(transport.get_extra_info("ssl_object"))}

    def on_message_begin(self) -> None:
        """A request begins: its scope is there now."""
        super().on_message_begin()
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]


@dataclass(frozen=True)
class Partners:
    """How partners are let in: where to listen, the TLS of it, and the edge in front of an app."""

    host: str
    port: int
    context: ssl.SSLContext
    edge: Callable[[Any], PartnerEdge]


class Server(uvicorn.Server):
    """uvicorn's, with one more listener where there are partners."""

    def __init__(self, config: uvicorn.Config, partners: Partners | None) -> None:
        super().__init__(config)
        self._partners = partners

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen for partners once the app is there to answer them."""
        await super().startup(sockets=sockets)
        partners = self._partners
        if partners is None:
            return
        protocol = partial(
            PartnerProtocol,
            edge=partners.edge(self.config.loaded_app),
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        self.servers.append(
            await asyncio.get_running_loop().create_server(
                protocol,
                sock=listening_socket(partners.host, partners.port),
                ssl=partners.context,
                ssl_handshake_timeout=HANDSHAKE_WITHIN_S,
                backlog=self.config.backlog,
            )
        )


def serve(
    app: Any,
    settings: PartnerSettings,
    *,
    sockets: Sequence[socket.socket] | None = None,
    **options: Any,
) -> int:
    """Serve until SIGTERM or Ctrl-C; 0 then, 2 for files of the partner listener that cannot be
    used, 3 where the app did not start. `options` are uvicorn's.
    """
    try:
        partners = partners_of(settings)
    except (OSError, ValueError) as error:
        print(f"the partner listener cannot be opened: {error}", file=sys.stderr)
        return USAGE
    own: dict[str, Any] = {"http": HttpProtocol, "ws": "none", "timeout_keep_alive": KEPT_FOR_S}
    config = uvicorn.Config(app, proxy_headers=False, **own, **options)
    server = Server(config, partners)
    server.run(sockets=None if sockets is None else list(sockets))
    return 0 if server.started else STARTUP_FAILURE


def partners_of(settings: PartnerSettings) -> Partners | None:
    """The partner listener of these settings; None where they name no port.

    Raises `OSError` or `ValueError` (`ssl.SSLError` and `UnusableList` are such).
    """
    port, ca_file = settings.partner_port, settings.partner_ca_file
    certificate, key = settings.partner_certificate_file, settings.partner_key_file
    if port is None or ca_file is None or certificate is None or key is None:
        return None
    revocations = None
    if settings.partner_revocation_file is not None:
        authorities = x509.load_pem_x509_certificates(ca_file.read_bytes())
        revocations = Revocations(settings.partner_revocation_file, authorities)
    edge = partial(PartnerEdge, proxies=settings.partner_proxies, revocations=revocations)
    return Partners(settings.partner_host, port, tls_context(certificate, key, ca_file), edge)


def tls_context(certificate: Path, key: Path, ca_file: Path) -> ssl.SSLContext:
    """TLS 1.2 or later, and no handshake without a client certificate of these authorities."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(ca_file))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(certificate, key)
    return context


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that processes of one user can share; the kernel spreads connections over them."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((host, port))
    return listener


def _extension(handshake: ssl.SSLObject) -> dict[str, Any]:
    """The ASGI TLS extension; of the client's chain Python 3.11 tells the certificate alone."""
    der = handshake.getpeercert(binary_form=True)
    return {
        "server_cert": None,
        "client_cert_chain": () if der is None else (ssl.DER_cert_to_PEM_cert(der),),
        "client_cert_name": None,
        "client_cert_error": None,
        "tls_version": _TLS_VERSIONS.get(handshake.version() or ""),
        "cipher_suite": None,
    }
