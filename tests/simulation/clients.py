"""Clients that retry until they are answered, through two replicas of ingress; and strangers.

Ingress is modelled by what it promises: a key is reserved, with the request's fingerprint, before
anything is sent; a retry sends the very command that the reservation names; a batch is accepted
with its chunks queued in the transaction that reserves its key. What the network does to a
request, and what strangers write to the topic, is decided by chance.
"""

from collections import Counter
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from schemas import codec, signing
from schemas.commands import AnyCommand
from schemas.placement import place_of
from schemas.signing import SigningKey
from schemas.topics import REPLY_PARTITION_HEADER, SIGNATURE_HEADER
from tests.simulation.author import Author
from tests.simulation.broker import Broker
from tests.simulation.engines import KEY
from tests.simulation.request import Request
from tests.simulation.server import Row, Server
from tests.simulation.world import World

STALE_SECONDS: Final = 3.0
"""When another replica may take a reservation over; 30 in the product."""

STRANGER: Final = SigningKey("stranger-1", b"x" * 32, None, KEY.valid_from, None)


class Clients:
    """All clients of a run. `acknowledged` is what they were promised."""

    def __init__(self, world: World, broker: Broker, server: Server, author: Author) -> None:
        self.world, self.broker, self.server, self.author = world, broker, server, author
        self.acknowledged: dict[tuple[UUID, str], Request] = {}
        self.told: dict[tuple[UUID, str], codec.Outcome] = {}
        self.queued: list[tuple[int, UUID, str]] = []
        """(partition, tenant, key) of chunks, in the order they were accepted."""
        self.unfinished = 0
        self.answers: Counter[str] = Counter()

    def start(self, requests: int, seconds: float) -> None:
        """Openings first, then everything else, over so many seconds."""
        for request in self.author.first():
            self._later(self.world.chance.uniform(0.0, seconds / 8), request)
        for number in range(requests):
            at = self.world.chance.uniform(seconds / 20, seconds)
            self.unfinished += 1
            self.world.after(at, lambda number=number: self._think_of(number))
        for _ in range(self.world.chance.randrange(2, 8)):
            self.world.after(self.world.chance.uniform(0.0, seconds), self._stranger)

    def heard(self, reply_partition: int, outcome: codec.Outcome) -> None:
        """An engine announces an outcome: it must have been committed, and never changes."""
        del reply_partition
        if outcome.dry_run:
            return
        key = (outcome.partition_id, outcome.tenant_id, outcome.idempotency_key)
        if outcome.status == "quarantined":
            if not self._waits_or_is_answered(key):
                self.world.violated(f"said to wait, and it does not: {outcome}")
            return
        row = self.server.tables["command_outcomes"].get(key, {})
        names = ("command_id", "status", "result", "fingerprint")
        applied = row.get("resumed_offset")
        applied = row.get("command_offset") if applied is None else applied
        if applied != outcome.command_offset or any(
            row[name] != getattr(outcome, name) for name in names
        ):
            self.world.violated(f"announced, but not what is committed: {outcome} {row}")

    def send(self, command: Any) -> None:
        """An operator's command: sent, at times twice."""
        self._append(command)
        if self.world.happens(0.2):
            self._append(command)

    def _waits_or_is_answered(self, key: tuple[int, UUID, str]) -> bool:
        waiting = self.server.rows("quarantined_commands")
        names = ("partition_id", "tenant_id", "idempotency_key")
        if any(tuple(row[name] for name in names) == key for row in waiting):
            return True
        return key in self.server.tables["command_outcomes"]

    def _later(self, seconds: float, request: Request) -> None:
        self.unfinished += 1
        self.world.after(seconds, lambda: self._attempt(request))

    def _retry(self, request: Request) -> None:
        seconds = 0.5 if self.world.calm else self.world.chance.choice([0.1, 1.0, 4.0])
        self.world.after(seconds, lambda: self._attempt(request))

    def _finish(self, answer: str) -> None:
        self.answers[answer] += 1
        self.unfinished -= 1

    def _think_of(self, number: int) -> None:
        request = self.author.next(number)
        if self.world.happens(0.05):
            # Two clients, or one that did not wait: the same request twice at once.
            self._later(self.world.chance.uniform(0.0, 0.1), request)
        self._attempt(request)

    def _attempt(self, request: Request) -> None:
        if not self.server.is_up:
            self._retry(request)
            return
        name = (request.tenant_id, request.key)
        held = self.server.tables["idempotency_reservations"].get(name)
        if held is None:
            self._reserve(request)
        elif held["request_fingerprint"] != request.fingerprint:
            self.world.faults["a key that names another request"] += 1
            self._finish("mismatch")
        elif request.is_batch or self._has_outcome(held["request"]):
            self._acknowledge(held["request"], "answered a retry")
        elif self.world.now - held["sent_at"] > STALE_SECONDS or self.world.calm:
            self.world.faults["reservation taken over"] += 1
            taken = held | {"sent_at": self.world.now, "taken_over": True}
            self._write([("idempotency_reservations", taken)])
            self._produce(taken, request)
        else:
            self._retry(request)

    def _has_outcome(self, request: Request) -> bool:
        command = request.commands[0]
        partition_id = place_of(command, len(self.broker.partitions))[0]
        key = (partition_id, command.tenant_id, command.idempotency_key)
        return key in self.server.tables["command_outcomes"]

    def _reserve(self, request: Request) -> None:
        skew = self.world.chance.uniform(-0.5, 0.5)
        accepted = request.accepted(self.world.wall_clock(skew))
        reserved: Row = {
            "tenant_id": request.tenant_id,
            "idempotency_key": request.key,
            "request_fingerprint": request.fingerprint,
            "request": accepted,
            "sent_at": self.world.now,
            "taken_over": False,
        }
        self.author.reserved.append(accepted)
        chunks = [self._chunk(command) for command in accepted.commands if request.is_batch]
        self._write([("idempotency_reservations", reserved), *chunks])
        if not request.is_batch:
            self._produce(reserved, request)
            return
        self.queued += [
            (row["partition_id"], row["tenant_id"], row["idempotency_key"]) for _, row in chunks
        ]
        if self.world.happens(0.1):
            self.world.fault("answer lost", "ingress")
            self._retry(request)
        else:
            self._acknowledge(accepted, "accepted a batch")

    def _chunk(self, command: AnyCommand) -> tuple[str, Row]:
        partition_id, record_key = place_of(command, len(self.broker.partitions))
        return "outgoing_commands", {
            "partition_id": partition_id,
            "tenant_id": command.tenant_id,
            "idempotency_key": command.idempotency_key,
            "outgoing_seq": self.server.next_outgoing_seq(),
            "kind": "chunk",
            "to_partition": partition_id,
            "record_key": record_key,
            "record_value": codec.encode(command),
            "reply_partition": None,
            "traceparent": None,
        }

    def _write(self, rows: list[tuple[str, Row]]) -> None:
        session = self.server.connect("ingress")
        session.is_open = True
        for table, row in rows:
            session.put(table, row)
        session.commit()

    def _acknowledge(self, request: Request, answer: str) -> None:
        self.acknowledged[request.tenant_id, request.key] = request
        self._finish(answer)

    def _produce(self, held: Row, asked: Request) -> None:
        """Send the command that the reservation names; what the client learns may not be true."""
        request: Request = held["request"]
        command = request.commands[0]
        kind = self.world.chance.choices(
            [
                *("acknowledged", "written twice", "acknowledgement lost", "arrives late"),
                *("never arrives", "certainly not sent"),
            ],
            [80, 6, 6, 4, 3, 2] if not self.world.calm else [1, 0, 0, 0, 0, 0],
        )[0]
        if kind != "acknowledged":
            self.world.fault(f"ingress: {kind}", "ingress", key=request.key)
        delay = self.world.chance.expovariate(200.0)
        if kind == "certainly not sent":
            self._release(held, request)
            self._retry(asked)
            return
        if kind != "never arrives":
            late = self.world.chance.uniform(0.5, 6.0) if kind == "arrives late" else 0.0
            self.world.after(delay + late, lambda: self._append(command))
        if kind == "written twice":
            again = self.world.chance.choice([0.0, 0.5, 5.0])
            self.world.after(delay + again, lambda: self._append(command))
        if kind in ("acknowledged", "written twice"):
            self.world.after(2 * delay, lambda: self._acknowledge(request, "accepted"))
        else:
            self._retry(asked)

    def _release(self, held: Row, request: Request) -> None:
        """Give the key back, if it is still this sender's and was never taken over."""
        name = (request.tenant_id, request.key)
        now = self.server.tables["idempotency_reservations"].get(name)
        if now is held and not held["taken_over"]:
            del self.server.tables["idempotency_reservations"][name]
            self.author.reserved = [r for r in self.author.reserved if r is not request]

    def _append(self, command: AnyCommand, key: SigningKey = KEY, *, astray: int = 0) -> None:
        partition_id, record_key = place_of(command, len(self.broker.partitions))
        value = codec.encode(command)
        headers = (
            (SIGNATURE_HEADER, signing.sign(key, value)),
            (REPLY_PARTITION_HEADER, b"1"),
        )
        to_partition = (partition_id + astray) % len(self.broker.partitions)
        self.broker.append(to_partition, record_key, value, headers)

    def _stranger(self) -> None:
        """Somebody else writes to the topic."""
        world, broker = self.world, self.broker
        if world.calm or not self.author.reserved:
            return
        request = world.chance.choice(self.author.reserved)
        own: Any = {"idempotency_key": f"stray{len(world.trace)}"}
        command = replace(request.commands[0], **own) if not request.is_batch else None
        partition_id = world.chance.randrange(len(broker.partitions))
        kind = world.chance.choice(
            ["unsigned", "foreign", "astray", "undecodable", "aborted", "aborted", "committed"]
        )
        world.fault(f"stranger: {kind}", "stranger", partition=partition_id)
        if kind == "unsigned":
            broker.append(partition_id, b"k", b"\0\0\0\0\1junk", ())
        elif kind == "foreign" and command is not None:
            self._append(command, STRANGER)
        elif kind == "astray" and command is not None and len(broker.partitions) > 1:
            self._append(command, astray=1)
        elif kind == "undecodable":
            value = b"\0\0\0\0\1\7"
            header = (SIGNATURE_HEADER, signing.sign(KEY, value))
            broker.append(partition_id, b"k", value, (header,))
        elif kind == "committed":
            broker.commit_transaction(partition_id, b"junk")
        else:
            count = world.chance.randrange(1, 4)
            broker.abort_transaction(partition_id, [b"aborted"] * count)
