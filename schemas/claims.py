"""What a verified token says, judged claim by claim (contract section 8). Pure: time is given.

Every claim named here must be there and of its one type; a claim too many is no fault. Which
listener a token belongs to, and to which certificate, is held here, too (RFC 8705).
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from schemas.problems import Problem, ProblemError

LEEWAY_S: Final = 10
LATEST_INSTANT_S: Final = 253_402_300_799
"""The last second of the year 9999: a date beyond it is no date."""
INTERNAL: Final = "internal"
PARTNER: Final = "partner"

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", re.ASCII)
"""32 bytes in base64url: of the last character's bits two do not count, and must be zero."""
_CONFIRMATION: Final = "x5t#S256"
_MOST_CHARACTERS: Final = 255


class TokenRefused(ProblemError):
    """No access: a problem of 401 or 403 with its `WWW-Authenticate`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What our own configuration demands of a token."""

    issuer: str
    audience: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A caller: the tenant it acts for, what it may do, and until when.

    `actor` is the OAuth client, as the journal records it. `thumbprint` is that of the certificate
    which the token is bound to: a partner's has one, no other.
    """

    tenant_id: UUID
    actor: str
    scopes: frozenset[str]
    client_type: str
    thumbprint: str | None
    is_operator: bool
    expires_at: datetime

    def require(self, scope: str) -> None:
        """Raise `TokenRefused` (403 `insufficient_scope`) where the token lacks the scope."""
        if scope not in self.scopes:
            raise TokenRefused(
                Problem(
                    code="insufficient_scope",
                    detail=f"The access token does not have the scope {scope}.",
                    headers={
                        "WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'
                    },
                )
            )

    def require_operator(self) -> None:
        """Raise `TokenRefused` (403 `insufficient_scope`) where the token is no operator's."""
        if not self.is_operator:
            raise TokenRefused(
                Problem(
                    code="insufficient_scope",
                    detail="The access token is not that of an operator of this installation.",
                    headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'},
                )
            )


def refused(code: str, detail: str | None = None) -> TokenRefused:
    """A 401 with the challenge of RFC 6750. `detail` must not quote the token."""
    challenge = 'Bearer realm="hpts"'
    if code != "token_missing":
        challenge += f', error="invalid_token", error_description="{detail}"'
    return TokenRefused(Problem(code=code, detail=detail, headers={"WWW-Authenticate": challenge}))


def judge(claims: Mapping[str, Any], expectation: Expectation, now_s: float) -> AccessToken:
    """The caller that the claims of a rightly signed token name; raises `TokenRefused`."""
    if claims.get("iss") != expectation.issuer:
        raise refused("token_invalid", "The token is from another issuer.")
    if not _is_for(claims.get("aud"), expectation.audience):
        raise refused("token_invalid", "The token is for another audience.")
    expires_s = _instant(claims, "exp")
    for name in ("nbf", "iat") if "iat" in claims else ("nbf",):
        if _instant(claims, name) > now_s + LEEWAY_S:
            raise refused("token_invalid", "The token is not valid yet.")
    client_type, thumbprint = _client(claims)
    token = AccessToken(
        tenant_id=_tenant(claims.get("tenant_id")),
        actor=_text(claims, "client_id" if "client_id" in claims else "sub"),
        scopes=_scopes(claims.get("scope")),
        client_type=client_type,
        thumbprint=thumbprint,
        is_operator=claims.get("operator") is True,
        expires_at=datetime.fromtimestamp(expires_s, UTC),
    )
    if expires_s <= now_s - LEEWAY_S:
        raise refused("token_expired", "The access token has expired.")
    return token


def admit(token: AccessToken, thumbprint: str | None) -> None:
    """Raise `TokenRefused` where the token does not belong to the listener that it came by.

    `thumbprint` is that of the certificate which the request came with; None: by the internal
    listener.
    """
    if thumbprint is None:
        if token.client_type == PARTNER:
            raise refused(
                "certificate_required", "A partner's token is taken by the partner listener only."
            )
    elif token.client_type != PARTNER or token.thumbprint is None:
        raise refused("token_invalid", "The partner listener takes partners' tokens only.")
    elif not hmac.compare_digest(token.thumbprint, thumbprint):
        raise refused("certificate_mismatch", "The token is bound to another certificate.")


def _is_for(audience: object, ours: str) -> bool:
    if isinstance(audience, list):
        return all(isinstance(one, str) for one in audience) and ours in audience
    return audience == ours


def _instant(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refused("token_invalid", f"The claim {name} is not a number of seconds.")
    if not 0 <= value <= LATEST_INSTANT_S:
        raise refused("token_invalid", f"The claim {name} is no date.")
    return value


def _tenant(value: object) -> UUID:
    if not isinstance(value, str) or _UUID.fullmatch(value) is None:
        raise refused("token_invalid", "The claim tenant_id is not a UUID.")
    return UUID(value)


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _MOST_CHARACTERS:
        raise refused("token_invalid", f"The claim {name} is not a text of 1 to 255 characters.")
    return value


def _scopes(value: object) -> frozenset[str]:
    if not isinstance(value, str):
        raise refused("token_invalid", "The claim scope is not a text.")
    return frozenset(value.split(" ")) - {""}


def _client(claims: Mapping[str, Any]) -> tuple[str, str | None]:
    """Kind of client and thumbprint: a partner's token is bound to a certificate, no other is."""
    client_type = claims.get("client_type", INTERNAL)
    if client_type not in (INTERNAL, PARTNER):
        raise refused("token_invalid", "The claim client_type is unknown.")
    if client_type == INTERNAL:
        if "cnf" in claims:
            raise refused("token_invalid", "Only a partner's token is bound to a certificate.")
        return INTERNAL, None
    confirmation = claims.get("cnf")
    if not isinstance(confirmation, dict) or confirmation.keys() != {_CONFIRMATION}:
        raise refused("token_invalid", "A partner's token is bound to one certificate.")
    thumbprint = confirmation[_CONFIRMATION]
    if not isinstance(thumbprint, str) or _THUMBPRINT.fullmatch(thumbprint) is None:
        raise refused("token_invalid", "The thumbprint in cnf is not a SHA-256 in base64url.")
    return PARTNER, thumbprint
