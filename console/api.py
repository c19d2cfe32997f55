"""The public HTTP API as one signed-in client sees it: its token, reads, posts, and refusals.

The only httpx of the console. A token stays in this object, on the server: no page gets it.
"""

import asyncio
import binascii
import json
import time
from base64 import urlsafe_b64decode
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

Body = dict[str, Any]

_RENEW_BEFORE_S: Final = 60.0
_TIMEOUT_S: Final = 20.0
_KEPT_LATENCIES: Final = 2_000
_MOST_PAGES: Final = 20


class Unreachable(Exception):
    """The API or the token endpoint does not answer. The message says which."""


class Refused(Exception):
    """An answer that is a problem (RFC 9457), or an OAuth error."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(problem.get("detail") or problem.get("title") or f"status {status}")
        self.status = status
        self.problem = problem

    @property
    def code(self) -> str:
        """The problem's code; the status where the answer had none."""
        return str(self.problem.get("code") or self.problem.get("error") or self.status)


class Pending(Exception):
    """A command that is accepted for good (202), and of which no more is known yet."""


@dataclass
class Sent:
    """What this session has posted: how long the answers took, and what was refused."""

    posted_count: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    _seconds: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT_LATENCIES))

    def answered(self, seconds: float) -> None:
        """A post was answered with success."""
        self.posted_count += 1
        self._seconds.append(seconds)

    def quantile_ms(self, share: float) -> float | None:
        """The time within which this share of the last answers came; None before the first."""
        ordered = sorted(self._seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 if ordered else None


class Api:
    """One client of one tenant. Close it when its session ends."""

    def __init__(self, *, api_url: str, token_url: str, client_id: str, client_secret: str) -> None:
        self.client_id = client_id
        self.sent = Sent()
        self._token_url = token_url
        self._credentials = (client_id, client_secret)
        self._http = httpx.AsyncClient(base_url=f"{api_url.rstrip('/')}/v1", timeout=_TIMEOUT_S)
        self._token = ""
        self._renew_at = 0.0
        self._renewing = asyncio.Lock()
        self._is_closed = False
        self.scopes: frozenset[str] = frozenset()
        self.tenant_id = ""
        self.is_operator = False

    async def sign_in(self) -> None:
        """Fetch a token; raises `Refused` for wrong credentials, and `Unreachable`."""
        answer = await self._asked(
            "POST", self._token_url, data={"grant_type": "client_credentials"},
            auth=self._credentials,
        )  # fmt: skip
        document = _document(answer)
        self._token = str(document["access_token"])
        lifetime_s = float(document.get("expires_in", 300))
        self._renew_at = time.monotonic() + max(0.0, lifetime_s - _RENEW_BEFORE_S)
        claims = _claims(self._token)
        self.scopes = frozenset(str(document.get("scope") or claims.get("scope", "")).split())
        self.tenant_id = str(claims.get("tenant_id", ""))
        self.is_operator = claims.get("operator") is True

    async def get(self, path: str, **parameters: str | None) -> Body:
        """A read; parameters that are None or empty are left out."""
        chosen = {name: value for name, value in parameters.items() if value}
        return _document(await self._authorised("GET", path, params=chosen))

    async def items(self, path: str, **parameters: str | None) -> AsyncIterator[Body]:
        """Every item of a listing, up to `_MOST_PAGES` pages of 500."""
        token: str | None = None
        for _ in range(_MOST_PAGES):
            page = await self.get(path, page_size="500", page_token=token, **parameters)
            for item in page["items"]:
                yield item
            token = page.get("next_page_token")
            if token is None:
                return

    async def post(self, path: str, body: Body, *, key: str) -> Body:
        """A command; its result. Every outcome is counted in `sent`; raises `Pending` for none."""
        begun = time.monotonic()
        headers = {"Idempotency-Key": key}
        answer = await self._authorised("POST", path, json=body, headers=headers)
        try:
            document = _document(answer)
        except Refused as refusal:
            self.sent.refusals[refusal.code] += 1
            raise
        if answer.status_code == httpx.codes.ACCEPTED:
            command_id, status = document.get("command_id"), document.get("status")
            raise Pending(f"Accepted, not done yet: command {command_id} is {status}")
        self.sent.answered(time.monotonic() - begun)
        return document

    async def delete(self, path: str) -> None:
        """A DELETE, of what is configuration."""
        _document(await self._authorised("DELETE", path))

    async def close(self) -> None:
        """End its connections; whatever is asked later is refused."""
        self._is_closed = True
        await self._http.aclose()

    async def _authorised(self, method: str, path: str, **request: Any) -> httpx.Response:
        if self._is_closed:
            raise Refused(401, {"detail": "You have signed out."})
        async with self._renewing:
            if time.monotonic() >= self._renew_at:
                await self.sign_in()
        headers = {**request.pop("headers", {}), "Authorization": f"Bearer {self._token}"}
        return await self._asked(method, path, headers=headers, **request)

    async def _asked(self, method: str, url: str, **request: Any) -> httpx.Response:
        try:
            return await self._http.request(method, url, **request)
        except httpx.HTTPError as error:
            where = url if url.startswith("http") else str(self._http.base_url)
            raise Unreachable(f"{where} does not answer ({type(error).__name__})") from error


def _document(answer: httpx.Response) -> Body:
    try:
        document = answer.json() if answer.content else {}
    except ValueError:
        document = {"detail": f"status {answer.status_code}, not JSON"}
        raise Refused(answer.status_code, document) from None
    if not answer.is_success:
        told = document if isinstance(document, dict) else {}
        raise Refused(answer.status_code, told)
    return dict(document)


def _claims(token: str) -> Body:
    """What the token says of itself, for display only; the API verifies it. Empty if opaque."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return {}
    return claims if isinstance(claims, dict) else {}
