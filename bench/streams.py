"""How ingress takes in a night's accruals: a stream of loans to durable chunks, and who waits.

    python -m bench.streams [--loans N] [--data-dir DIR] [--json FILE]

The engine stands still meanwhile, so this is ingress and Postgres alone. Prints the seconds from
the first byte to the 202, CPU a loan by process, the API's memory, and how long other requests to
the same process took before and while the stream was read (one small one after another, 5 ms
apart).
"""

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from bench.client import Connection, fetch_token
from bench.stack import cpu_seconds, running

PAUSE_S = 0.005
LINE = '{{"loan_id":"{}","outstanding_principal_minor":"{}","interest_minor":"{}"}}\n'


def write_batch(path: Path, loans: int) -> None:
    """A batch of loans with random ids, as a file of lines."""
    chance = random.Random(loans)
    head = {
        "program_id": str(uuid4()),
        "accrual_date": "2026-01-31",
        "day_count_convention": "ACT_365",
        "currency": "USD",
        "expected_loan_count": loans,
    }
    with path.open("w", encoding="ascii") as file:
        file.write(json.dumps(head) + "\n")
        for _ in range(loans):
            loan_id = UUID(int=chance.getrandbits(128))
            file.write(LINE.format(loan_id, chance.randrange(10**8), chance.randrange(10**4)))


async def upload(api_url: str, token: str, path: str) -> tuple[int, bytes]:
    """Stream a file as a batch; status and body of the answer."""
    async with Connection(api_url) as connection:
        headers = {
            "authorization": f"Bearer {token}",
            "content-type": "application/x-ndjson",
            "idempotency-key": f"accrual:{uuid4()}",
            "prefer": "respond-async",
        }
        return await connection.request_file("POST", "/v1/accruals/batch", headers, Path(path))


async def probe(api_url: str, until: "asyncio.Future[Any]") -> list[float]:
    """Seconds that a small request took, one after another until something is done."""
    taken: list[float] = []
    async with Connection(api_url) as connection:
        while not until.done():
            begun = time.perf_counter()
            await connection.request("GET", "/v1/health/live", {})
            taken.append(time.perf_counter() - begun)
            await asyncio.sleep(PAUSE_S)
    return taken


def told(seconds: list[float]) -> dict[str, float]:
    """The middle, the tail and the worst of some latencies, in milliseconds."""
    ordered = sorted(seconds)
    last = len(ordered) - 1
    shares = {"p50_ms": 0.5, "p99_ms": 0.99, "max_ms": 1.0}
    return {name: round(1000 * ordered[int(share * last)], 1) for name, share in shares.items()}


@contextmanager
def standing_still(pids: list[int]) -> Iterator[None]:
    """These processes do nothing meanwhile."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def peak_mib(pid: int) -> float:
    """The most memory a process has had, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) / 1024, 1)
    raise RuntimeError(f"no peak of process {pid}")


async def measure(stack: dict[str, Any], path: Path, loans: int) -> dict[str, Any]:
    """The figures of one stream."""
    client = stack["clients"][0]
    token = await fetch_token(stack["token_url"], client["client_id"], client["client_secret"])
    api, (pid, *_) = stack["api_url"], stack["processes"]["ingress"]
    quiet = await probe(api, asyncio.ensure_future(asyncio.sleep(2)))
    before, memory_before, begun = cpu_seconds(stack["processes"]), peak_mib(pid), time.monotonic()
    # By another process, so that sending does not hold up the probes.
    sending = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.streams", "--send", str(path), api, token),
        stdout=subprocess.PIPE,
    )
    sent = asyncio.ensure_future(sending.communicate())
    busy = await probe(api, sent)
    seconds = time.monotonic() - begun
    used = cpu_seconds(stack["processes"])
    answer = json.loads((await sent)[0])
    if answer["status"] != 202:
        raise RuntimeError(str(answer))
    return {
        "loans": loans,
        "seconds": round(seconds, 2),
        "cpu_us_per_loan": {n: round(1e6 * (used[n] - before[n]) / loans, 2) for n in used},
        "api_peak_mib": {"before": memory_before, "after": peak_mib(pid)},
        "probe": {"before": told(quiet), "meanwhile": told(busy)},
    }


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--loans", type=int, default=1_000_000)
    parser.add_argument("--data-dir")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--send", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.send is not None:
        path, api_url, token = given.send
        status, answer = asyncio.run(upload(api_url, token, path))
        print(json.dumps({"status": status, "answer": answer.decode()}))
        return 0
    with tempfile.TemporaryDirectory(prefix="hpts-bench-") as folder:
        path = Path(folder) / "batch.ndjson"
        write_batch(path, given.loans)
        with running(given.data_dir) as stack, standing_still(stack["processes"]["engine"]):
            figures = asyncio.run(measure(stack, path, given.loans))
    text = json.dumps(figures, indent=2)
    print(text)
    if given.json is not None:
        given.json.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
