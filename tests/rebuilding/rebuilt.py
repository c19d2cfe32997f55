"""Running the commands on a ledger of the test's own, and what they say."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from hpts.database import administrator
from hpts.local.credentials import SIGNING_KEY_ID
from hpts.rebuilding.digest import digest
from schemas.signing import SigningKey, resolve_secret
from schemas.topics import TOPICS
from tests.faults.own_ledger import OwnLedger, Servers

REPLAYED_WITHIN_S = 600


def command(own: OwnLedger, *arguments: str, **more: str) -> "subprocess.Popen[str]":
    """Start `hpts` on a ledger; `more` is added to its environment."""
    settings = {"HPTS_POSTGRES_DSN": own.admin_dsn, "HPTS_KAFKA_BOOTSTRAP": own.bootstrap}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "hpts", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **settings, **more},
    )


def hpts(own: OwnLedger, *arguments: str, **more: str) -> tuple[int, str, str]:
    """Run `hpts` to its end: exit status, what it said, what it complained of."""
    process = command(own, *arguments, **more)
    said, complained = process.communicate(timeout=REPLAYED_WITHIN_S)
    return process.returncode, said, complained


def replayed(own: OwnLedger, name: str, *more: str, **environment: str) -> dict[str, Any]:
    """Replay to the end; what it reports."""
    status, said, complained = hpts(own, "replay", "--into", name, "--json", *more, **environment)
    assert status == 0, complained
    told: dict[str, Any] = json.loads(said)
    return told


def digest_of(own: OwnLedger, name: str = "hpts") -> str:
    """The one hash of all, asked for in this process."""
    with administrator(own.admin_dsn) as database:
        return digest(database, name).sha256


def digest_told(own: OwnLedger, name: str, **environment: str) -> str:
    """The same, as the command tells it."""
    status, said, complained = hpts(own, "digest", name, "--json", **environment)
    assert status == 0, complained
    return str(json.loads(said)["sha256"])


def signing_key_of(servers: Servers) -> SigningKey:
    """The key that the session's ledgers have in their ring."""
    secret = resolve_secret(f"file:{servers.credentials.signing_key}")
    return SigningKey(SIGNING_KEY_ID, secret, None, datetime(2020, 1, 1, tzinfo=UTC), None)


def topic_ends(own: OwnLedger) -> dict[tuple[str, int], int]:
    """Where every partition of every topic of ours ends."""
    reader = Consumer({"bootstrap.servers": own.bootstrap, "group.id": "a test"})
    try:
        found = reader.list_topics(timeout=10).topics
        return {
            (topic.name, p): reader.get_watermark_offsets(
                TopicPartition(topic.name, p), timeout=10
            )[1]
            for topic in TOPICS
            for p in found[topic.name].partitions
        }
    finally:
        reader.close()
