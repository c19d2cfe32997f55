"""One client: asks, asks again with the same key until it knows the outcome, and keeps a log.

The log is what the client was told, and when; the audit believes it and nothing else of a
client. One JSON document a line:

    sent    key, kind, loans, at                        before the first try
    told    key, status, code, command_id, position, since, at, digest, balance
    fault   what no client may ever be told
"""

import asyncio
import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from bench.client import Connection, fetch_token
from tests.faults.campaign.kinds import Asked, Kind, Portfolio, ask

ANSWER_WITHIN_S: Final = 25.0
AGAIN_AFTER_S: Final = (0.05, 0.1, 0.2, 0.4)
NOT_YET: Final = {"idempotency_in_progress", "batch_in_progress"}
NEVER: Final = {
    *("malformed_json", "validation_failed", "idempotency_mismatch", "manifest_mismatch"),
    *("idempotency_key_missing", "idempotency_key_invalid", "dry_run_unsupported"),
}
"""Problems of a request that is wrong: these are right, so nobody may say so."""
BURST: Final = 12


@dataclass(eq=False)
class Client:
    """`waits`: for each answer; else it sends a burst and asks for the outcomes afterwards."""

    name: str
    local_json: Path
    registered: dict[str, str]
    portfolio: Portfolio
    kinds: tuple[Kind, ...]
    log_file: Path
    waits: bool
    pause_s: float
    stopping: asyncio.Event
    _token: str = ""
    _connection: Connection | None = None
    _count: int = 0
    _due_at: float = field(default_factory=time.monotonic)

    async def run(self) -> None:
        """Ask until told to stop, then learn the last outcomes."""
        with self.log_file.open("w", buffering=1, encoding="utf-8") as self._log:
            while not self.stopping.is_set():
                if self.waits:
                    await self._ask_and_wait()
                else:
                    await self._burst()

    async def _ask_and_wait(self) -> None:
        key, kind, asked = await self._next(set())
        await self._until_known(key, kind, asked)

    async def _burst(self) -> None:
        """Several commands of different loans; each is accepted before the next is sent."""
        busy: set[str] = set()
        sent = []
        for _ in range(BURST):
            key, kind, asked = await self._next(busy)
            busy.update(asked.loan_ids)
            is_known = await self._until_known(key, kind, asked, accepted_is_enough=True)
            if not is_known:
                sent.append((key, kind, asked))
            if len(asked.loan_ids) > 1:
                break
        for key, kind, asked in sent:
            await self._until_known(key, kind, asked)

    async def _next(self, busy: set[str]) -> tuple[str, Kind, Asked]:
        self._due_at = max(self._due_at + self.pause_s, time.monotonic() - 1)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, self._due_at - time.monotonic())):
                await self.stopping.wait()
        self._count += 1
        key = f"{self.name}:{self._count:07}"
        kind, asked = ask(self.portfolio, self.kinds, busy)
        begun = {"sent": key, "kind": kind.name, "loans": asked.loan_ids, "at": time.time()}
        self._note(begun)
        return key, kind, asked

    async def _until_known(
        self, key: str, kind: Kind, asked: Asked, *, accepted_is_enough: bool = False
    ) -> bool:
        """Ask until the outcome is known (or, if enough, the command accepted); whether it is."""
        prefer = "respond-async" if accepted_is_enough else "wait=10"
        content = json.dumps(asked.body).encode()
        tries = 0
        while True:
            since = time.time()
            answer = await self._try(asked.path, key, prefer, content)
            if answer is not None:
                status, head, body = answer
                is_final = self._heard(key, since, status, head, body)
                if is_final:
                    if status in (200, 201):
                        kind.learn(self.portfolio, asked.loan, asked.body, json.loads(body))
                    return True
                if status == 202 and accepted_is_enough:
                    return False
            await asyncio.sleep(AGAIN_AFTER_S[min(tries, len(AGAIN_AFTER_S) - 1)])
            tries += 1

    def _heard(self, key: str, since: float, status: int, head: bytes, body: bytes) -> bool:
        """Note an answer; whether it is the last word."""
        if status in (401, 429, 503):
            if status == 401:
                self._token = ""
            return False
        told: dict[str, Any] = json.loads(body)
        code = told.get("code") if status >= 400 else None
        if status >= 500 or code in NEVER or status in (403, 404, 405, 413, 415):
            # 404 is no business refusal either: refusals are 409 and 422.
            self._note({"fault": f"{status} {body.decode()[:500]}", "key": key})
            return status < 500
        if code in NOT_YET:
            return False
        self._note(
            {
                "told": key,
                "status": status,
                "code": code,
                "command_id": told.get("correlation_id") or told.get("command_id"),
                "position": _header(head, b"hpts-position"),
                "since": since,
                "at": time.time(),
                "digest": sha256(body).hexdigest() if status in (200, 201) else None,
                "balance": told.get("balance"),
            }
        )
        return status != 202

    async def _try(
        self, path: str, key: str, prefer: str, content: bytes
    ) -> tuple[int, bytes, bytes] | None:
        """One try; None when nobody can say what became of it."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                connection = await self._connected()
                headers = {
                    "authorization": f"Bearer {self._token}",
                    "content-type": "application/json",
                    "idempotency-key": key,
                    "prefer": prefer,
                }
                return await connection.exchange("POST", path, headers, content)
        except (OSError, EOFError, TimeoutError, ValueError, RuntimeError):
            if self._connection is not None:
                await self._connection.__aexit__(None, None, None)
            self._connection = None
            return None

    async def _connected(self) -> Connection:
        """A connection and a token, new ones where there are none."""
        if not self._token or self._connection is None:
            described = json.loads(self.local_json.read_text())
            if not self._token:
                name, secret = self.registered["client_id"], self.registered["client_secret"]
                self._token = await fetch_token(described["token_url"], name, secret)
            if self._connection is None:
                connection = Connection(described["api_url"])
                self._connection = await connection.__aenter__()
        return self._connection

    def _note(self, line: dict[str, Any]) -> None:
        self._log.write(json.dumps(line, separators=(",", ":")) + "\n")


def _header(head: bytes, name: bytes) -> str | None:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(name + b":"):
            return line[len(name) + 1 :].strip().decode()
    return None
