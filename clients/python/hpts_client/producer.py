"""The direct producer: an accrual job that itself writes to Kafka what ingress would write.

    read the batch ── opening chunk ── its outcome says when the batch was accepted ── the rest

It keeps nothing on disk and needs no Postgres. The same job again sends every chunk again, and the
engine, which never forgets a key, answers those it has applied with the outcome they had. So a
crash at any moment is mended by running the job again, and its report is whole.

All ids of a batch derive from the instant of its acceptance, and two runs must not make two. So one
chunk goes first and alone: whichever run's was applied, its outcome bears that instant, and every
run goes on with it, also when two of them run side by side.
"""

import os
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID
from zlib import crc32

from hpts_client.batch_file import Batch
from hpts_client.chunks import Acceptance, Cut, chunk_of, record_key_of
from hpts_client.kafka import Link, LinkLost, NotTaken
from hpts_client.pacing import ASK_AFTER_S, Pace
from hpts_client.report import Report, Tally
from schemas import codec, ids, signing
from schemas.cluster import Cluster, ClusterUnavailable, refuse_weaker
from schemas.codec import Outcome
from schemas.crash_points import crash_point
from schemas.kafka_security import Security
from schemas.signing import SigningKey
from schemas.topics import (
    COMMANDS,
    OUTCOME_PARTITIONS,
    REPLY_PARTITION_HEADER,
    SIGNATURE_HEADER,
    TRACEPARENT_HEADER,
)

GIVE_UP_AFTER_S: Final = 300.0
_WAIT_S: Final = 0.1


class KeyMalformed(Exception):
    """No client may choose such a key: over HTTP the batch could not even be asked for."""


class KeyTaken(Exception):
    """The key was used before, for another batch. Of this one no further chunk is sent."""


class NotApplied(Exception):
    """The engine will not, or does not, apply what was sent. The message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Who produces, and where. `actor` is named in every entry; the key may write for the tenant.

    `profile` and `durability` as for the services: how safe the cluster must be. A chunk of which
    nothing is heard for `ask_after_s` is asked about by sending it again; after `give_up_after_s`
    without any news a job ends, and may be run again.
    """

    bootstrap: str
    tenant_id: UUID
    actor: str
    signing_key: SigningKey
    profile: str = "production"
    durability: str | None = None
    ask_after_s: float = ASK_AFTER_S
    give_up_after_s: float = GIVE_UP_AFTER_S
    security: Security = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch is: loans whose chunk has an outcome, of all."""

    loans_done: int
    loans_total: int


def partition_count(settings: Settings) -> int:
    """How the ledger is cut, from a cluster that is safe for money.

    Raises `ClusterRefused` (it is not safe) or `ClusterUnavailable`.
    """
    cluster = Cluster(settings.bootstrap, security=settings.security)
    refuse_weaker(cluster, profile=settings.profile, durability=settings.durability)
    found = cluster.describe([COMMANDS])
    if COMMANDS not in found:
        raise ClusterUnavailable(f"{settings.bootstrap}: there is no topic {COMMANDS}")
    return found[COMMANDS].partitions


def accrue(
    settings: Settings,
    batch: Batch,
    idempotency_key: str,
    *,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Report:
    """Post a batch; returns once every chunk has an outcome.

    Raises `KeyMalformed`, `KeyTaken`, `NotApplied` or `LinkLost`; after the last two the same call
    goes on.
    """
    if ids.CLIENT_KEY.fullmatch(idempotency_key) is None:
        raise KeyMalformed(
            f"{idempotency_key!r} is no idempotency key: it has 8 to 255 characters, letters, "
            "digits, and . _ : - after the first"
        )
    now = datetime.now(UTC)
    acceptance = Acceptance(
        tenant_id=settings.tenant_id,
        idempotency_key=idempotency_key,
        fingerprint=batch.fingerprint,
        # To the millisecond, which is what ids, and so another run, can tell of it.
        accepted_at=now.replace(microsecond=now.microsecond // 1_000 * 1_000),
        actor=settings.actor,
    )
    job = _Job(settings, batch, acceptance, on_progress)
    try:
        return job.run()
    finally:
        job.close()


class _Job:
    def __init__(
        self,
        settings: Settings,
        batch: Batch,
        acceptance: Acceptance,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self._settings, self._batch, self._acceptance = settings, batch, acceptance
        self._on_progress = on_progress
        self._cuts = {cut.key_under(acceptance.idempotency_key): cut for cut in batch.loans.cuts()}
        self._sent_at: set[tuple[int, int]] = set()
        self._sent_keys: set[bytes] = set()
        self._not_taken: dict[tuple[int, int], str] = {}
        self._opened = False
        self._hears_all = True
        self._expected: set[bytes] = set()
        self._tally = Tally(chunks_total=len(self._cuts))
        self._loans_done = 0
        instance = f"{socket.gethostname()}/{os.getpid()}"
        self._reply_partition = crc32(instance.encode()) % OUTCOME_PARTITIONS
        self._traceparent = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"
        self._link = Link(
            settings.bootstrap,
            self._reply_partition,
            self._is_wanted,
            security=settings.security,
        )
        self._heard_at = time.monotonic()

    def run(self) -> Report:
        began = time.monotonic()
        opening, *rest = self._cuts.values()
        self._settle_all([opening])
        crash_point("producer-opened")
        self._opened, self._hears_all = True, False
        self._settle_all(rest)
        return self._tally.report(self._acceptance, time.monotonic() - began)

    def close(self) -> None:
        self._link.close()

    def _settle_all(self, cuts: Sequence[Cut]) -> None:
        """Send these at their pace until each has an outcome."""
        pace = Pace(cuts, ask_after_s=self._settings.ask_after_s)
        self._heard_at = time.monotonic()
        while not pace.is_done:
            now = time.monotonic()
            for cut in pace.due(now):
                if not self._send(cut):
                    break  # the client's queue is full
                self._hears_all |= pace.sent(cut, now)
            for told in self._link.news(_WAIT_S):
                self._hear(told, pace)
            self._give_up_in_vain()

    def _send(self, cut: Cut) -> bool:
        chunk = chunk_of(
            self._batch.loans,
            cut,
            self._batch.header.terms,
            self._acceptance,
            chunks_total=len(self._cuts),
        )
        key, value = record_key_of(chunk), codec.encode(chunk)
        self._sent_keys.add(key)
        if self._opened:
            self._expected.add(self._command_id(cut).bytes)
        return self._link.send(
            partition_id=cut.partition_id,
            key=key,
            value=value,
            headers=[
                (SIGNATURE_HEADER, signing.sign(self._settings.signing_key, value)),
                (REPLY_PARTITION_HEADER, str(self._reply_partition).encode()),
                (TRACEPARENT_HEADER, self._traceparent.encode()),
            ],
            on_sent=lambda offset: self._sent_at.add((cut.partition_id, offset)),
        )

    def _is_wanted(self, command_id: bytes) -> bool:
        # Until the batch is open another run's id may answer; where ours does not, another batch's.
        return self._hears_all or command_id in self._expected

    def _hear(self, told: Outcome | NotTaken, pace: Pace) -> None:
        if isinstance(told, NotTaken):
            # It may come before the broker's word at which offset ours is.
            if told.key in self._sent_keys:
                self._not_taken[told.partition_id, told.offset] = told.reason
            return
        cut = self._cuts.get(told.idempotency_key)
        if told.tenant_id != self._settings.tenant_id or told.dry_run or cut is None:
            return
        if told.fingerprint != self._acceptance.fingerprint:
            raise KeyTaken(
                f"the key {self._acceptance.idempotency_key} was used for another batch: "
                "choose another key, or give the file that it was used for"
            )
        if pace.settle(cut):
            self._take(told, cut)

    def _take(self, told: Outcome, cut: Cut) -> None:
        """Count a chunk's outcome; announced again, it does not come here."""
        if not self._opened:
            self._open(told)
        loan_count = self._batch.loans.count_in(cut)
        if self._tally.take(told) not in (None, loan_count):
            raise NotApplied(
                f"the chunk {told.idempotency_key} was cut by another release, with a different "
                f"number of loans than our {loan_count}: finish this batch with that release"
            )
        self._expected.discard(told.command_id.bytes)
        self._heard_at = time.monotonic()
        self._loans_done += loan_count
        self._on_progress(Progress(self._loans_done, self._batch.loans.count))
        if self._opened:
            crash_point("producer-outcome-known")

    def _open(self, first: Outcome) -> None:
        """Go on with the instant at which the batch was accepted, by whichever run it was."""
        accepted_at = ids.accepted_at_in(first.command_id)
        if accepted_at != self._acceptance.accepted_at:
            self._acceptance = replace(self._acceptance, accepted_at=accepted_at)
            self._tally.is_resumed = True

    def _command_id(self, cut: Cut) -> UUID:
        return ids.derive(
            ids.COMMAND,
            tenant_id=self._acceptance.tenant_id,
            key=cut.key_under(self._acceptance.idempotency_key),
            accepted_at=self._acceptance.accepted_at,
            partition_id=cut.partition_id,
        )

    def _give_up_in_vain(self) -> None:
        """Raise where waiting on is in vain, or has been for too long."""
        for partition_id, offset in self._sent_at & self._not_taken.keys():
            reason = self._not_taken[partition_id, offset]
            raise NotApplied(
                f"partition {partition_id}, offset {offset} is a dead letter: {reason}"
            )
        silent_s = time.monotonic() - self._heard_at
        if silent_s > self._settings.give_up_after_s:
            raise NotApplied(
                f"nothing was heard for {silent_s:.0f} s. Is an engine running, and is the signing "
                f"key {self._settings.signing_key.key_id} in the key ring for this tenant?"
            )


__all__ = [
    "KeyMalformed",
    "KeyTaken",
    "LinkLost",
    "NotApplied",
    "Progress",
    "Settings",
    "accrue",
    "partition_count",
]
