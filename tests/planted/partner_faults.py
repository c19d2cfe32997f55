"""G. Who is let in: F83."""

from typing import Final

from tests.planted.fault import Change, Fault
from tests.planted.noticed_by import (
    EITHER_LISTENER,
    KEPT_OPEN,
    NOT_THE_PROXY,
    REVOKED,
    THE_DIAGONAL,
    THE_PROXY,
)

CLAIMS: Final = "schemas/claims.py"
EDGE: Final = "schemas/partners/edge.py"

PARTNER_FAULTS: Final = (
    Fault(
        row="F83",
        planted="it is enough that a partner's token is bound to some certificate",
        changes=(
            Change(
                CLAIMS,
                "    elif not hmac.compare_digest(token.thumbprint, thumbprint):\n",
                "    elif not hmac.compare_digest(token.thumbprint, token.thumbprint):\n",
            ),
        ),
        caught_by=(THE_DIAGONAL,),
    ),
    Fault(
        row="F83",
        planted="the partner listener takes a token that is bound to nothing",
        changes=(
            Change(
                CLAIMS,
                "    elif token.client_type != PARTNER or token.thumbprint is None:\n"
                '        raise refused("token_invalid", "The partner listener takes partners\' '
                'tokens only.")\n',
                "    elif token.thumbprint is None:\n        return\n",
            ),
        ),
        caught_by=(EITHER_LISTENER,),
    ),
    Fault(
        row="F83",
        planted="the internal listener takes a partner's token without its certificate",
        changes=(
            Change(
                CLAIMS,
                "        if token.client_type == PARTNER:\n",
                "        if token.client_type == PARTNER and token.thumbprint is None:\n",
            ),
        ),
        caught_by=(EITHER_LISTENER,),
    ),
    Fault(
        row="F83",
        planted="a token that was verified once is not held against the certificate again",
        changes=(
            Change(
                "schemas/access_token.py",
                "            self._remember(digest, token)\n",
                "            self._remember(digest, token)\n            admit(token, thumbprint)\n",
            ),
            Change(
                "schemas/access_token.py",
                "        admit(token, thumbprint)\n        return token\n",
                "        return token\n",
            ),
        ),
        caught_by=(THE_DIAGONAL,),
    ),
    Fault(
        row="F83",
        planted="a certificate in a header is believed whoever sends it",
        changes=(
            Change(
                EDGE,
                "        if not is_proxied and names & {_CLIENT_CERT, _CHAIN}:\n",
                "        if not is_proxied and names & {_CHAIN}:\n",
            ),
            Change(
                EDGE,
                "            if is_proxied:\n",
                "            if is_proxied or _CLIENT_CERT in names:\n",
            ),
        ),
        caught_by=(NOT_THE_PROXY,),
    ),
    Fault(
        row="F83",
        planted="of several certificates in headers the first one counts",
        changes=(
            Change(
                "schemas/partners/certificates.py",
                "    if len(values) != 1:\n",
                "    if not values:\n",
            ),
        ),
        caught_by=(THE_PROXY,),
    ),
    Fault(
        row="F83",
        planted="a name with underscores, or in Connection, passes beside the header",
        changes=(Change(EDGE, "        _refuse_smuggled(headers)\n", ""),),
        caught_by=(THE_PROXY,),
    ),
    Fault(
        row="F83",
        planted="what comes after the body counts as a header",
        changes=(
            Change(
                "schemas/http_protocol.py",
                "        super().on_headers_complete()\n        self.headers = []\n",
                "        super().on_headers_complete()\n",
            ),
        ),
        caught_by=("tests/security/test_partner_smuggling.py::test_trailers_are_no_headers",),
    ),
    Fault(
        row="F83",
        planted="the partner listener asks for a certificate, and goes on without",
        changes=(
            Change(
                "schemas/partners/listener.py",
                "    context.verify_mode = ssl.CERT_REQUIRED\n",
                "    context.verify_mode = ssl.CERT_OPTIONAL\n",
            ),
        ),
        caught_by=(
            "tests/security/test_partner_certificates.py"
            "::test_a_handshake_needs_a_certificate_of_the_authority_for_clients_and_for_now",
        ),
    ),
    Fault(
        row="F83",
        planted="the revocation list is read at start, and never again",
        changes=(Change("schemas/partners/revocations.py", "        self._look()\n", ""),),
        caught_by=(REVOKED,),
    ),
    Fault(
        row="F83",
        planted="a certificate's end is looked at by the handshake alone",
        changes=(
            Change(
                EDGE,
                "        if now_s > certificate.valid_until_s:\n",
                "        if now_s > certificate.valid_until_s + 86_400:\n",
            ),
        ),
        caught_by=(KEPT_OPEN,),
    ),
)
