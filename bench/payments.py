"""Synchronous payments through HTTP: payments/s and latency at 1, 8 and 64 clients.

    python -m bench.payments [--data-dir DIR] [--seconds S] [--loans N] [--json FILE] [--short]

A closed loop: each client posts, waits for its 201 (durable, posted) and posts again. Latencies
are of durable answers only; anything else is counted apart. `--short` is for CI: it asserts
only what cannot be noise (every answer is a 201, and the books balance).
"""

import argparse
import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import uvloop

from bench.client import Connection, fetch_token
from bench.figures import Run, print_table
from bench.stack import cpu_seconds, running

UNBALANCED = (Path(__file__).parent / "sql" / "unbalanced.sql").read_text()


async def open_loans(api: str, token: str, count: int) -> list[dict[str, str]]:
    """Disburse so many new loans; their ids as a payment names them."""
    loans = [{"loan_id": str(uuid4()), "borrower_id": str(uuid4())} for _ in range(count)]
    waiting = iter(loans)

    async def client() -> None:
        async with Connection(api) as connection:
            for loan in waiting:
                body = {
                    **loan,
                    "amount_minor": "100000000",
                    "currency": "USD",
                    "effective_at": datetime.now(UTC).date().isoformat(),
                    "method": "ach",
                }
                key = f"disbursement:{loan['loan_id']}:1"
                status, answer = await connection.post("/v1/disbursements", token, key, body)
                if status != 201:
                    raise RuntimeError(f"no loan: {status} {answer}")

    await asyncio.gather(*(client() for _ in range(32)))
    return loans


class Payer:
    """Payments as bytes: the load generator shares the machine with what it measures."""

    def __init__(self, connection: Connection, token: str) -> None:
        self._connection = connection
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        self._head = connection.head("POST", "/v1/payments", headers)
        self._today = datetime.now(UTC).date().isoformat()

    async def pay(self, loan: dict[str, str], key: str) -> int:
        """Post a payment; the status of its answer."""
        body = (
            f'{{"loan_id":"{loan["loan_id"]}","borrower_id":"{loan["borrower_id"]}",'
            '"amount_minor":"100","currency":"USD","source_method":"ach",'
            f'"effective_at":"{self._today}"}}'
        )
        rest = f"idempotency-key: {key}\r\ncontent-length: {len(body)}\r\n\r\n{body}"
        status, _, _ = await self._connection.send(self._head + rest.encode())
        return status


async def pay(
    api: str, token: str, loans: list[dict[str, str]], clients: int, seconds: float
) -> Run:
    """Post payments on these loans, by turns, from so many clients."""
    run = Run(clients, "payments")
    end = time.perf_counter() + seconds

    async def client(number: int) -> None:
        sent = 0
        async with Connection(api) as connection:
            payer = Payer(connection, token)
            while (began := time.perf_counter()) < end:
                loan = loans[(number + sent * clients) % len(loans)]
                sent += 1
                status = await payer.pay(loan, f"payment:{uuid4()}")
                if status == 201:
                    run.latencies.append(time.perf_counter() - began)
                else:
                    run.other[status] = run.other.get(status, 0) + 1

    began, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(client(number) for number in range(clients)))
    run.seconds = time.perf_counter() - began
    run.cpu["clients"] = time.process_time() - used
    return run


async def measure(stack: dict[str, Any], arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Warm up, then one run for each number of clients."""
    client = stack["clients"][0]
    token = await fetch_token(stack["token_url"], client["client_id"], client["client_secret"])
    loans = await open_loans(stack["api_url"], token, arguments.loans)
    await pay(stack["api_url"], token, loans, 8, arguments.seconds / 2)
    figures = []
    for clients in (1, 8, 64):
        before = cpu_seconds(stack["processes"])
        run = await pay(stack["api_url"], token, loans, clients, arguments.seconds)
        after = cpu_seconds(stack["processes"])
        run.cpu |= {name: after[name] - before[name] for name in after}
        figures.append(run.row())
    return figures


def _faults(stack: dict[str, Any], figures: list[dict[str, Any]]) -> list[str]:
    faults = [
        f"{row['clients']} clients: {row['other_answers']}"
        for row in figures
        if row["other_answers"]
    ]
    with psycopg.connect(stack["postgres_dsn"]) as connection:
        unbalanced = connection.execute(UNBALANCED).fetchall()
    return faults + [f"unbalanced entry: {row}" for row in unbalanced]


def main() -> int:
    """Exit status 1 when an answer was not a 201 or an entry does not balance."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-dir", help="measure the stack that runs there")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--loans", type=int, default=2000)
    parser.add_argument("--json", help="write the figures to this file")
    parser.add_argument("--short", action="store_true", help="a few seconds, for CI")
    arguments = parser.parse_args()
    if arguments.short:
        arguments.seconds, arguments.loans = 2.0, 200
    with running(arguments.data_dir) as stack:
        figures = uvloop.run(measure(stack, arguments))
        faults = _faults(stack, figures)
    print_table(figures)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(figures, indent=2) + "\n")
    for fault in faults:
        print(f"FAULT: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
