"""Refused requests beside accepted reads, under one load: does refusing stay as cheap?

Half of the clients read balances, the other half send what must be refused, each kind in its turn.
Told are the latencies of both, the p99 of each kind, and how many times that of a read it is: a
flood of refusals is to cost the others no more than a flood of reads.
"""

import asyncio
import itertools
import json
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from bench.client import Connection, fetch_token
from bench.figures import Run
from bench.measured import Bench, Row
from bench.stack import cpu_seconds

CLIENTS: Final = 16
PAYMENT: Final = json.dumps({"loan_id": "x", "amount_minor": 1, "surprise": []}).encode()


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to be refused: what is sent, and with which status it must be answered."""

    name: str
    status: int
    method: str
    path: str
    token: str = ""
    body: bytes = b""
    media_type: str = "application/json"

    def headers(self) -> dict[str, str]:
        """Those of one request; its idempotency key is its own."""
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        if self.method == "POST":
            headers |= {"content-type": self.media_type, "idempotency-key": f"refused:{uuid4()}"}
        return headers


def kinds_of(token: str, readers_token: str) -> tuple[Kind, ...]:
    """The usual ways to be refused, on both edges."""
    payments, loan = "/v1/payments", f"/v1/loans/{uuid4()}"
    head, claims, _ = token.split(".")
    forged = f"{head}.{claims}.{_base64url(secrets.token_bytes(256))}"
    stranger = _base64url(json.dumps({"alg": "RS256", "typ": "at+jwt", "kid": "other"}).encode())
    unknown = f"{stranger}.{claims}.{_base64url(secrets.token_bytes(256))}"
    return (
        Kind("no token", 401, "GET", f"{loan}/balance"),
        Kind("forged token", 401, "GET", f"{loan}/balance", forged),
        Kind("unknown key", 401, "POST", payments, unknown, PAYMENT),
        Kind("lacking scope", 403, "POST", payments, readers_token, PAYMENT),
        Kind("not found", 404, "GET", f"{loan}/balance", token),
        Kind("no such path", 404, "GET", "/v1/nothing", token),
        Kind("wrong method", 405, "GET", payments, token),
        Kind("bad parameter", 400, "GET", f"{loan}/balance?as_of_date=x", token),
        Kind("no JSON", 400, "POST", payments, token, PAYMENT[:-1]),
        Kind("wrong type", 415, "POST", payments, token, PAYMENT, "text/plain"),
        Kind("invalid body", 422, "POST", payments, token, PAYMENT),
    )


async def measure(bench: Bench, loans: list[dict[str, str]]) -> list[Row]:
    """Reads and refusals side by side: a row of each, the second with how they compare."""
    reader = bench.stack["clients"][2]
    readers_token = await fetch_token(
        bench.stack["token_url"], reader["client_id"], reader["client_secret"]
    )
    kinds = kinds_of(bench.token, readers_token)
    reads, refused = Run(CLIENTS // 2, "reads beside refusals"), Run(CLIENTS // 2, "refusals")
    of_kind: dict[str, list[float]] = {kind.name: [] for kind in kinds}
    end = time.perf_counter() + bench.options.seconds
    turns = itertools.cycle(kinds)
    before, used = cpu_seconds(bench.processes), time.process_time()
    began = time.perf_counter()
    await asyncio.gather(
        *(_read(bench, loans, reads, end) for _ in range(reads.clients)),
        *(_refuse(bench.api, turns, refused, of_kind, end) for _ in range(refused.clients)),
    )
    reads.seconds = refused.seconds = time.perf_counter() - began
    spent = cpu_seconds(bench.processes)
    refused.cpu = {name: spent[name] - before[name] for name in spent}
    refused.cpu["clients"] = time.process_time() - used
    for run in (reads, refused):
        bench.expect(not run.other, f"{run.of}: {run.other}")
    rows = [reads.row(), refused.row()]
    rows[1]["p99_ms_by_kind"] = {name: _p99_ms(found) for name, found in of_kind.items()}
    rows[1]["times_a_read"] = {"p99": round(rows[1]["p99_ms"] / rows[0]["p99_ms"], 2)}
    return rows


async def _read(bench: Bench, loans: list[dict[str, str]], run: Run, end: float) -> None:
    headers = {"authorization": f"Bearer {bench.token}"}
    async with Connection(bench.api) as connection:
        for loan in itertools.cycle(loans):
            if (began := time.perf_counter()) >= end:
                return
            path = f"/v1/loans/{loan['loan_id']}/balance"
            status, _ = await connection.request("GET", path, headers)
            _note(run, status, 200, time.perf_counter() - began)


async def _refuse(
    api: str, turns: Iterator[Kind], run: Run, of_kind: dict[str, list[float]], end: float
) -> None:
    async with Connection(api) as connection:
        while (began := time.perf_counter()) < end:
            kind = next(turns)
            status, _ = await connection.request(kind.method, kind.path, kind.headers(), kind.body)
            taken = time.perf_counter() - began
            of_kind[kind.name].append(taken)
            _note(run, status, kind.status, taken)


def _note(run: Run, status: int, wanted: int, taken: float) -> None:
    if status == wanted:
        run.latencies.append(taken)
    else:
        run.other[status] = run.other.get(status, 0) + 1


def _p99_ms(latencies: list[float]) -> float:
    ordered = sorted(latencies)
    return round(1000 * ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))], 2)


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
