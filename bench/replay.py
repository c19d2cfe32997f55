"""Replaying the books: payments/s of `hpts replay`, from the first offset to the last index.

    python -m bench.replay [--data-dir DIR] [--payments N] [--processes N] [--batch N] [--json FILE]
                           [--short]

Payments of new loans are written to the log as a direct producer would, and applied by the live
engine; then the whole log is replayed into a schema of its own, which is compared with the live
one and dropped. The rate is of records applied by the run, its start and the indexes included;
`busy` is CPU seconds: the replay's own processes, and Kafka.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
from confluent_kafka import Producer

from bench.loans import query
from bench.measured import Row, print_table
from bench.stack import cpu_seconds, running
from schemas import codec, signing
from schemas.commands import AnyCommand, Disbursement, Payment
from schemas.placement import place_of
from schemas.signing import SigningKey, resolve_secret
from schemas.topics import COMMANDS, SIGNATURE_HEADER

PAYMENTS: Final = 100_000
SHORT: Final = 3_000
PAYMENTS_A_LOAN: Final = 50
_INTO: Final = "bench_replay"
_OPENED_MINOR: Final = 1_000_000_00


def commands_of(tenant_id: UUID, payments: int) -> list[AnyCommand]:
    """Loans, then so many payments on them by turns."""
    now = datetime.now(UTC)
    loans = [(uuid4(), uuid4()) for _ in range(max(1, payments // PAYMENTS_A_LOAN))]
    made: list[AnyCommand] = []
    for number in range(len(loans) + payments):
        loan_id, borrower_id = loans[number % len(loans)]
        key = f"bench:{uuid4()}"
        common: dict[str, Any] = {
            "tenant_id": tenant_id,
            "idempotency_key": key,
            "fingerprint": sha256(key.encode()).digest(),
            "accepted_at": now,
            "actor": "bench",
            "loan_id": loan_id,
            "borrower_id": borrower_id,
            "currency": "USD",
            "effective_on": now.date(),
        }
        if number < len(loans):
            made.append(Disbursement(**common, amount_minor=_OPENED_MINOR, method="ach"))
        else:
            made.append(Payment(**common, amount_minor=1_00, source_method="ach"))
    return made


def write(stack: dict[str, Any], made: list[AnyCommand]) -> None:
    """Append them to the log, signed, and wait until the live engine has applied them."""
    secret = resolve_secret(f"file:{Path(stack['data_dir']).absolute()}/secrets/signing_key")
    key = SigningKey("local-1", secret, None, datetime(2020, 1, 1, tzinfo=UTC), None)
    producer = Producer({"bootstrap.servers": stack["kafka_bootstrap"], "linger.ms": 20})
    with psycopg.connect(stack["postgres_dsn"], autocommit=True) as connection:
        [[count]] = connection.execute(query("load_partition_count")).fetchall()
        before = _applied(connection)
        for command in made:
            partition_id, record_key = place_of(command, count)
            value = codec.encode(command)
            headers: list[tuple[str, str | bytes | None]] = [
                (SIGNATURE_HEADER, signing.sign(key, value))
            ]
            while len(producer) > 50_000:
                producer.poll(0.05)
            producer.produce(COMMANDS, value, record_key, partition_id, headers=headers)
        producer.flush(120)
        while _applied(connection) < before + len(made):
            time.sleep(0.2)


def asked(*, is_short: bool) -> argparse.Namespace:
    """What is measured unless something else is asked for."""
    payments = SHORT if is_short else PAYMENTS
    return argparse.Namespace(payments=payments, processes=None, batch=None)


def measure(stack: dict[str, Any], arguments: argparse.Namespace) -> tuple[Row, list[str]]:
    """Write a log, replay it, compare; the row, and what must not happen."""
    made = commands_of(UUID(stack["clients"][0]["tenant_id"]), arguments.payments)
    write(stack, made)
    servers = {name: stack["processes"][name] for name in ("kafka",)}
    used, own = cpu_seconds(servers), resource.getrusage(resource.RUSAGE_CHILDREN)
    more = ["--batch", str(arguments.batch)] if arguments.batch else []
    more += ["--processes", str(arguments.processes)] if arguments.processes else []
    began = time.monotonic()
    replayed = _hpts(stack, "replay", "--into", _INTO, "--json", *more)
    seconds = time.monotonic() - began
    spent, now = cpu_seconds(servers), resource.getrusage(resource.RUSAGE_CHILDREN)
    faults = [] if replayed.returncode == 0 else [f"replay: {replayed.stderr}"]
    compared = _hpts(stack, "diff", _INTO)
    faults += [] if compared.returncode == 0 else [f"diff: {compared.stdout}{compared.stderr}"]
    with psycopg.connect(stack["postgres_dsn"]) as connection:
        connection.execute(f"DROP SCHEMA {_INTO} CASCADE".encode())
    told = json.loads(replayed.stdout) if replayed.returncode == 0 else {"records": 0, "seconds": 0}
    busy = {name: round(spent[name] - used[name], 1) for name in servers}
    busy["replay"] = round(now.ru_utime + now.ru_stime - own.ru_utime - own.ru_stime, 1)
    row: Row = {
        "of": "replay, start to last index",
        "count": told["records"],
        "seconds": round(seconds, 2),
        "per_second": round(told["records"] / seconds),
        "applying": {"seconds": told["seconds"], "a_second": told.get("per_second", 0)},
        "busy": busy,
    }
    return row, faults


def _hpts(stack: dict[str, Any], *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-P", "-m", "hpts", *arguments]
    servers = {
        "HPTS_POSTGRES_DSN": stack["postgres_dsn"],
        "HPTS_KAFKA_BOOTSTRAP": stack["kafka_bootstrap"],
    }
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **servers}
    )


def _applied(connection: psycopg.Connection[Any]) -> int:
    [[applied]] = connection.execute(query("count_applied")).fetchall()
    return int(applied)


def main() -> int:
    """Exit status 1 when the replayed books are not the live ones."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-dir", help="measure the stack that runs there")
    parser.add_argument("--payments", type=int, default=PAYMENTS)
    parser.add_argument("--processes", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--json", help="write the row to this file")
    parser.add_argument("--short", action="store_true", help="a few seconds, for CI")
    arguments = parser.parse_args()
    if arguments.short:
        arguments.payments = SHORT
    with running(arguments.data_dir) as stack:
        row, faults = measure(stack, arguments)
    print_table([row])
    if arguments.json:
        Path(arguments.json).write_text(json.dumps([row], indent=2) + "\n")
    for fault in faults:
        print(f"FAULT: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
