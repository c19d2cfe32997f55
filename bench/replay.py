"""`hpts replay` over a log of payments: real Kafka, real Postgres, nothing else.

    python -m bench.replay [--payments N] [--loans N] [--processes N,N] [--batch N,N]

Writes the log straight to the topic, signed as ingress does, then rebuilds the books from it, once
for each number of processes and batch size. Prints payments a second from the start of the command
to its end, CPU microseconds for each by process, and whether all rebuilds come to the same digest.
"""

import argparse
import json
import os
import random
import resource
import secrets
import subprocess
import sys
import time
from typing import Any, Final

from confluent_kafka import Producer

from bench.stack import cpu_seconds
from hpts.local import ledger as local_ledger
from hpts.local.kafka import KafkaServer
from hpts.local.postgres import PostgresServer
from hpts.migrate import migrate
from hpts.provision import provision
from schemas import codec, signing
from schemas.commands import AnyCommand
from schemas.partitioning import partition_of_loan, record_key
from schemas.signing import SigningKey, resolve_secret
from schemas.topics import COMMANDS, SIGNATURE_HEADER
from tests.books import ledger
from tests.local_servers import Running
from tests.local_stack import new_folder

PARTITIONS: Final = 12
KEY_ID: Final = "bench-1"


def write_log(bootstrap: str, key: SigningKey, loans: int, payments: int) -> None:
    """Open the loans, then pay on them in turns of chance."""
    ids = [ledger.loan_number(number) for number in range(loans)]
    chance = random.Random(loans)
    producer = Producer(
        {"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 20}
    )

    def send(command: AnyCommand, number: int) -> None:
        value = codec.encode(command)
        producer.produce(
            COMMANDS,
            value,
            record_key(ledger.TENANT, ids[number]),
            partition_of_loan(ledger.TENANT, ids[number], PARTITIONS),
            headers=[(SIGNATURE_HEADER, signing.sign(key, value))],
        )
        producer.poll(0)

    for number in range(loans):
        send(ledger.disbursement(f"open:{number}", ids[number], 100_000_00), number)
    for number in range(payments):
        chosen = chance.randrange(loans)
        send(ledger.payment(f"pay:{number}", ids[chosen], chance.randrange(1, 99)), chosen)
        if len(producer) > 50_000:
            producer.flush(1)
    if producer.flush(60):
        raise RuntimeError("the log could not be written")


def measure(
    settings: dict[str, str], name: str, servers: dict[str, list[int]], *more: str
) -> dict[str, Any]:
    """One rebuild."""
    used, own = cpu_seconds(servers), resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    command = [sys.executable, "-P", "-m", "hpts", "replay", "--into", name, "--json", *more]
    told = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if told.returncode != 0:
        raise RuntimeError(told.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = {n: total - used.get(n, 0.0) for n, total in cpu_seconds(servers).items()}
    spent["replay"] = after.ru_utime + after.ru_stime - own.ru_utime - own.ru_stime
    records = json.loads(told.stdout)["records"]
    digest = subprocess.run(
        [sys.executable, "-P", "-m", "hpts", "digest", name, "--json"],
        env=settings,
        capture_output=True,
        text=True,
        check=True,
    )
    return {
        "of": f"{name} ({' '.join(more)})",
        "records": records,
        "seconds": round(seconds, 2),
        "per_second": round(records / seconds),
        "cpu_us_each": {n: round(1e6 * s / records, 1) for n, s in spent.items()},
        "digest": json.loads(digest.stdout)["sha256"],
    }


def main() -> int:
    """Exit status 1 when two rebuilds differ."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--payments", type=int, default=100_000)
    parser.add_argument("--loans", type=int, default=10_000)
    parser.add_argument("--processes", default="1,2", help="numbers of processes")
    parser.add_argument("--batch", default="1000", help="records a transaction")
    arguments = parser.parse_args()
    folder = new_folder()
    folder.mkdir(parents=True, exist_ok=True)
    kafka, postgres = KafkaServer(folder), PostgresServer(folder)
    rows = []
    running = [Running(postgres, folder.parent / "p.log"), Running(kafka, folder.parent / "k.log")]
    try:
        secret = folder / "signing.key"
        secret.write_text(secrets.token_hex(32))
        secret.chmod(0o600)
        migrate(postgres.admin_dsn)
        provision(kafka.bootstrap, postgres.admin_dsn, partition_count=PARTITIONS)
        local_ledger.register_signing_key(postgres.admin_dsn, key_id=KEY_ID, secret=secret)
        key = SigningKey(KEY_ID, resolve_secret(f"file:{secret}"), None, ledger.BEGINNING, None)
        write_log(kafka.bootstrap, key, arguments.loans, arguments.payments)
        named = {
            "HPTS_POSTGRES_DSN": postgres.admin_dsn,
            "HPTS_KAFKA_BOOTSTRAP": kafka.bootstrap,
        }
        servers = {"postgres": [running[0].process.pid], "kafka": [running[1].process.pid]}
        for batch in arguments.batch.split(","):
            for count in arguments.processes.split(","):
                words = ("--processes", count, "--batch", batch)
                name = f"rebuilt_{count}_{batch}"
                rows.append(measure({**os.environ, **named}, name, servers, *words))
                print(json.dumps(rows[-1]), flush=True)
    finally:
        for run in reversed(running):
            run.end(run._server.stop_signal)
        postgres.discard()
    return 0 if len({row["digest"] for row in rows}) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
