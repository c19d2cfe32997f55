"""Which certificate a request of the partner listener came with, and whether it counts still.

    the peer is a configured proxy     the one in its `Client-Cert` header (RFC 9440)
    the peer is anybody else           that of the TLS handshake (ASGI TLS extension)

It is judged anew for every request, since a connection can outlive its certificate. The app finds
its thumbprint in the scope: only there it is a request of a partner.
"""

import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

from schemas import tracing
from schemas.claims import refused
from schemas.partners.certificates import (
    ClientCertificate,
    NotACertificate,
    der_of_header,
    read_certificate,
)
from schemas.partners.revocations import Revocations
from schemas.partners.settings import Network
from schemas.problems import FieldError, Problem, ProblemError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

THUMBPRINT: Final = "hpts.client_certificate"
_CLIENT_CERT: Final = b"client-cert"
_CHAIN: Final = b"client-cert-chain"


def certificate_of(scope: MutableMapping[str, Any]) -> str | None:
    """The thumbprint of the partner's certificate; None for a request of the internal listener."""
    return scope.get(THUMBPRINT)


class PartnerEdge:
    """The app, for those who come with a certificate that counts. `now` is seconds since 1970."""

    def __init__(
        self,
        app: App,
        *,
        proxies: Sequence[Network],
        revocations: Revocations | None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._app = app
        self._proxies = proxies
        self._revocations = revocations
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through with its thumbprint, or answer why not."""
        try:
            certificate = self._certificate(scope)
            self._judge(certificate)
        except ProblemError as error:
            await _send_problem(send, error.problem, scope)
            return
        scope[THUMBPRINT] = certificate.thumbprint
        await self._app(scope, receive, send)

    def _certificate(self, scope: Scope) -> ClientCertificate:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        names = {name.replace(b"_", b"-") for name, _ in headers}
        is_proxied = self._is_proxy(scope["client"])
        _refuse_smuggled(headers)
        if not is_proxied and names & {_CLIENT_CERT, _CHAIN}:
            raise _malformed("is believed from the proxies of this installation only")
        try:
            if is_proxied:
                return read_certificate(_from_header(headers))
            return read_certificate(_from_handshake(scope))
        except NotACertificate as error:
            raise _malformed(str(error)) from None

    def _is_proxy(self, client: tuple[str, int]) -> bool:
        address = ip_address(client[0])
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._proxies)

    def _judge(self, certificate: ClientCertificate) -> None:
        now_s = self._now()
        if now_s < certificate.valid_from_s:
            raise refused("certificate_required", "The client certificate is not valid yet.")
        if now_s > certificate.valid_until_s:
            raise refused("certificate_required", "The client certificate has expired.")
        if self._revocations is None:
            return
        standing = self._revocations.standing(certificate.issuer, certificate.serial_number, now_s)
        if standing == "revoked":
            raise refused("certificate_required", "The client certificate has been revoked.")
        if standing == "unknown":
            raise ProblemError(
                Problem(
                    code="not_ready",
                    detail="No revocation list of the certificate's authority is in force.",
                    headers={"Retry-After": "60"},
                )
            )


def _from_header(headers: Headers) -> bytes:
    values = [value for name, value in headers if name == _CLIENT_CERT]
    if not values:
        raise refused("certificate_required", "The proxy has told of no client certificate.")
    return der_of_header(values)


def _from_handshake(scope: Scope) -> bytes:
    chain = scope["extensions"]["tls"]["client_cert_chain"]
    if not chain:
        raise refused("certificate_required", "The connection has no client certificate.")
    return ssl.PEM_cert_to_DER_cert(chain[0])


def _refuse_smuggled(headers: Headers) -> None:
    """Refuse names that another server may read as ours, and a header that says it is to be
    dropped on the way: whoever sends these hopes that two servers disagree.
    """
    for name, value in headers:
        if b"_" in name and name.replace(b"_", b"-") in (_CLIENT_CERT, _CHAIN):
            raise _malformed("is not spelled with underscores")
        if name == b"connection":
            options = {option.strip().lower().replace(b"_", b"-") for option in value.split(b",")}
            if options & {_CLIENT_CERT, _CHAIN}:
                raise _malformed("is no option of a connection")


def _malformed(message: str) -> ProblemError:
    error = FieldError("Client-Cert", "invalid_parameter", message)
    return ProblemError(
        Problem(code="invalid_parameter", errors=(error,), headers={"Connection": "close"})
    )


async def _send_problem(send: Send, problem: Problem, scope: Scope) -> None:
    trace = tracing.begin(scope["headers"])
    rendered = problem.with_trace(trace.trace_id, scope["path"]).to_response()
    headers = [*rendered.headers, *trace.response_headers]
    await send({"type": "http.response.start", "status": rendered.status, "headers": headers})
    await send({"type": "http.response.body", "body": rendered.body})
