"""`python -m tests.faults.campaign.load`: the clients, in a process of their own, until SIGTERM.

After SIGTERM nothing new is begun, every outcome is learned, and the process ends with 0.
"""

import argparse
import asyncio
import json
import random
import signal
from pathlib import Path

from bench.client import Connection
from tests.faults.campaign.client import Client
from tests.faults.campaign.kinds import KINDS, Kind, Portfolio


async def run(arguments: argparse.Namespace) -> None:
    """Every client, each with its own loans, key space and log."""
    described = json.loads(arguments.local_json.read_text())
    kinds = await offered(described["api_url"])
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    clients = [
        Client(
            name=f"campaign:{number:03}",
            local_json=arguments.local_json,
            registered=described["clients"][number % 2],
            portfolio=Portfolio(random.Random(f"{arguments.seed}/{number}")),
            # The months of a tenant are closed by one client, which waits.
            kinds=kinds if number < 2 else tuple(k for k in kinds if k.name != "close"),
            log_file=arguments.logs / f"client-{number:03}.jsonl",
            waits=number % 4 < 2,
            pause_s=arguments.clients / arguments.rate,
            stopping=stopping,
        )
        for number in range(arguments.clients)
    ]
    await asyncio.gather(*(client.run() for client in clients))


async def offered(api_url: str) -> tuple[Kind, ...]:
    """The kinds of the table that this build has a route for."""
    async with Connection(api_url) as connection:
        status, body = await connection.request("GET", "/v1/openapi.json", {})
    if status != 200:
        raise RuntimeError(f"no contract: {status}")
    paths = json.loads(body)["paths"]
    return tuple(kind for kind in KINDS if kind.path in paths)


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--local-json", type=Path, required=True)
    parser.add_argument("--logs", type=Path, required=True)
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
