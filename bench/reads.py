"""Balance reads through HTTP: reads/s and latency at 1 and 16 clients.

    python -m bench.reads [--data-dir DIR] [--seconds S] [--json FILE] [--short]

A closed loop over ordinary loans, then over one loan that has 5,000 entries: its balance is to be
as quick. The payments that make the loans are not measured.
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import uvloop

from bench.client import Connection, fetch_token
from bench.figures import Run, print_table
from bench.payments import Payer, open_loans
from bench.stack import cpu_seconds, running

LOANS = 500
ENTRIES_OF_MANY = 5_000
MAKERS = 64


async def _pay_often(api: str, token: str, loan: dict[str, str], count: int) -> None:
    """Give a loan so many payments."""
    left = iter(range(count))

    async def client() -> None:
        async with Connection(api) as connection:
            payer = Payer(connection, token)
            for _ in left:
                status = await payer.pay(loan, f"payment:{uuid4()}")
                if status != 201:
                    raise RuntimeError(f"no payment: {status}")

    await asyncio.gather(*(client() for _ in range(MAKERS)))


async def read(
    api: str, token: str, loans: list[dict[str, str]], clients: int, seconds: float, of: str
) -> Run:
    """So many clients read the balances of these loans by turns."""
    run = Run(clients, of)
    end = time.perf_counter() + seconds

    async def client(number: int) -> None:
        sent = number
        async with Connection(api) as connection:
            requests = [
                connection.head("GET", f"/v1/loans/{loan['loan_id']}/balance", _headers(token))
                + b"\r\n"
                for loan in loans
            ]
            while (began := time.perf_counter()) < end:
                sent += clients
                status, _, _ = await connection.send(requests[sent % len(requests)])
                if status == 200:
                    run.latencies.append(time.perf_counter() - began)
                else:
                    run.other[status] = run.other.get(status, 0) + 1

    began, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(client(number) for number in range(clients)))
    run.seconds = time.perf_counter() - began
    run.cpu["clients"] = time.process_time() - used
    return run


def _headers(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def measure(stack: dict[str, Any], arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Make the loans and read once, to warm up; then one run for each kind and number."""
    client, api = stack["clients"][0], stack["api_url"]
    token = await fetch_token(stack["token_url"], client["client_id"], client["client_secret"])
    *ordinary, many = await open_loans(api, token, LOANS + 1)
    await _pay_often(api, token, many, arguments.entries)
    kinds = {"balances": ordinary, f"balances, {arguments.entries:,} entries": [many]}
    await read(api, token, ordinary, 16, arguments.seconds / 2, "")
    figures = []
    for of, loans in kinds.items():
        for clients in (1, 16):
            before = cpu_seconds(stack["processes"])
            run = await read(api, token, loans, clients, arguments.seconds, of)
            after = cpu_seconds(stack["processes"])
            run.cpu |= {name: after[name] - before[name] for name in after}
            figures.append(run.row())
    return figures


def main() -> int:
    """Exit status 1 when an answer was not a 200."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-dir", help="measure the stack that runs there")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--entries", type=int, default=ENTRIES_OF_MANY)
    parser.add_argument("--json", help="write the figures to this file")
    parser.add_argument("--short", action="store_true", help="a few seconds, for CI")
    arguments = parser.parse_args()
    if arguments.short:
        arguments.seconds, arguments.entries = 2.0, 200
    with running(arguments.data_dir) as stack:
        figures = uvloop.run(measure(stack, arguments))
    print_table(figures)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(figures, indent=2) + "\n")
    faults = [f"{row['of']}: {row['other_answers']}" for row in figures if row["other_answers"]]
    for fault in faults:
        print(f"FAULT: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
