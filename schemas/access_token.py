"""Who is calling: access tokens (contract section 8), verified once and remembered until `exp`.

    verifier = TokenVerifier(issuer=..., audience=..., jwks_url=..., algorithm="RS256")
    await verifier.start()                      # fetches the keys; a failure shows in `fault`
    token = await verifier.verify(values_of_the_authorization_header)
    token.require(scopes.PAYMENTS_WRITE)

Refusals are `TokenRefused`, a `ProblemError` with `token_missing`, `token_invalid`,
`token_expired`, `certificate_required`, `certificate_mismatch` or `insufficient_scope` and its
`WWW-Authenticate`. The only module that imports
`jwt`, for the signature alone: form is judged in front of it (`compact_jws`), claims after it
(`claims`), keys beside it (`key_set`). The tenant comes from the token and from nowhere else.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Final

from jwt import PyJWS
from jwt.exceptions import PyJWTError

from schemas.claims import LEEWAY_S, AccessToken, Expectation, TokenRefused, admit, judge, refused
from schemas.compact_jws import CompactToken, MalformedToken, take_apart
from schemas.key_set import KeySet, KeySetRefused, algorithms_in, fetch
from schemas.problems import Problem, ProblemError

__all__ = ["AccessToken", "TokenRefused", "TokenVerifier"]

REFRESH_EVERY_S: Final = 300.0
UNKNOWN_KEY_EVERY_S: Final = 10.0
"""A key id we do not know makes us fetch at most this often, whoever sends how many."""
RETRY_EVERY_S: Final = 1.0
REMEMBERED_TOKENS: Final = 10_000


class TokenVerifier:
    """Verifies the tokens of one issuer for one audience, on one event loop.

    `algorithm` says what the issuer's keys sign with: one name, or several separated by commas,
    one for each type of key. Raises `ValueError` for any other.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        jwks_url: str,
        algorithm: str = "RS256",
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._expectation = Expectation(issuer=issuer, audience=audience)
        self._jwks_url = jwks_url
        self._algorithms = algorithms_in(algorithm)
        self._signatures = PyJWS(algorithms=list(self._algorithms.values()))
        self._now = now
        self._monotonic = monotonic
        self._keys: KeySet = {}
        self._fetch_fault: str | None = "the issuer's keys have not been fetched yet"
        self._remembered: OrderedDict[bytes, AccessToken] = OrderedDict()
        self._fetching = asyncio.Lock()
        self._fetched_at = float("-inf")  # no fetch yet
        self._refreshing: asyncio.Task[None] | None = None

    @property
    def fault(self) -> str | None:
        """None, or why no token can be verified: for readiness.

        An issuer that is down later is no fault: the keys held verify its tokens still.
        """
        return None if self._keys else self._fetch_fault

    async def start(self) -> None:
        """Fetch the keys and keep them fresh. An issuer that is down is a `fault`, no error."""
        async with self._fetching:
            await self._fetch()
        self._refreshing = asyncio.create_task(self._refresh())

    async def stop(self) -> None:
        """Stop refreshing."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            with suppress(asyncio.CancelledError):
                await self._refreshing

    async def verify(
        self, authorization: Sequence[bytes], thumbprint: str | None = None
    ) -> AccessToken:
        """The token in the values of the `Authorization` header; raises `TokenRefused`.

        `thumbprint` is that of the partner's certificate, by the partner listener; None: by the
        internal one. A token that was verified before is held against it, too.

        Raises 503 `not_ready` while no key could be fetched at all.
        """
        text = _bearer(authorization)
        digest = sha256(text.encode("ascii")).digest()
        token = self._remembered.get(digest)
        if token is None:
            token = await self._verified(text)
            self._remember(digest, token)
        elif self._now() >= token.expires_at.timestamp() + LEEWAY_S:
            del self._remembered[digest]
            raise refused("token_expired", "The access token has expired.")
        admit(token, thumbprint)
        return token

    async def _verified(self, text: str) -> AccessToken:
        try:
            token = take_apart(text)
        except MalformedToken as error:
            raise refused("token_invalid", str(error)) from None
        if token.algorithm not in self._algorithms.values():
            raise refused("token_invalid", "The token is signed with another algorithm.")
        if token.key_id not in self._keys:
            await self._look_for_key(token.key_id)
        self._check_signature(token)
        return judge(token.claims, self._expectation, self._now())

    def _check_signature(self, token: CompactToken) -> None:
        key = self._keys.get(token.key_id)
        if key is None:
            if not self._keys:
                raise ProblemError(
                    Problem(code="not_ready", detail=self.fault, headers={"Retry-After": "1"})
                )
            raise refused("token_invalid", "The token is signed with an unknown key.")
        if token.algorithm != key.algorithm:
            raise refused("token_invalid", "The token is signed with another algorithm.")
        try:
            self._signatures.decode(token.text, key.public, algorithms=[key.algorithm])
        except (PyJWTError, ValueError, TypeError):
            raise refused("token_invalid", "The token's signature is not the issuer's.") from None

    def _remember(self, digest: bytes, token: AccessToken) -> None:
        self._remembered[digest] = token
        if len(self._remembered) > REMEMBERED_TOKENS:
            self._remembered.popitem(last=False)

    async def _look_for_key(self, key_id: str) -> None:
        """Fetch the keys for an id that may be new, unless that was done a moment ago."""
        async with self._fetching:
            pause_s = UNKNOWN_KEY_EVERY_S if self._keys else RETRY_EVERY_S
            if key_id not in self._keys and self._monotonic() - self._fetched_at >= pause_s:
                await self._fetch()

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_EVERY_S if self._fetch_fault is None else RETRY_EVERY_S)
            async with self._fetching:
                await self._fetch()

    async def _fetch(self) -> None:
        """Take the issuer's keys as they are now; on failure those held before stay."""
        try:
            keys = await asyncio.to_thread(fetch, self._jwks_url, self._algorithms)
        except KeySetRefused as error:
            self._fetch_fault = str(error)
            return
        finally:
            # The end counts: else each of those who wait for a slow issuer would ask it again.
            self._fetched_at = self._monotonic()
        if keys != self._keys:
            self._remembered.clear()
        self._keys = keys
        self._fetch_fault = None


def _bearer(authorization: Sequence[bytes]) -> str:
    """The token of the one `Authorization: Bearer` header."""
    if not authorization:
        raise refused("token_missing")
    if len(authorization) > 1:
        raise refused("token_invalid", "Send one Authorization header.")
    scheme, _, text = authorization[0].partition(b" ")
    if scheme.lower() != b"bearer" or not text.strip():
        raise refused("token_missing")
    try:
        return text.strip(b" ").decode("ascii")
    except UnicodeDecodeError:
        raise refused("token_invalid", "The token is not ASCII.") from None
