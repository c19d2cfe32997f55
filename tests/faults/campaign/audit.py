"""The campaign's audit: reads Kafka, Postgres and the clients' own logs, and nothing else.

It extends `tests.audit` (the books add up, the chain verifies) by what clients were told:

    lost         accepted, and not in the log; in the log, and not applied; no outcome
    doubled      two outcomes, two command ids, an effect for a record that came again
    misordered   a loan's later command, sent after the answer to an earlier one, stands before it
    changed      an answer that differs from the one given before, or from the books
    leaked       a tenant's key with another tenant's outcome; steps, reservations left behind

An empty list is sound.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import psycopg
from confluent_kafka import Consumer, TopicPartition
from psycopg.rows import dict_row

from schemas import codec, ids
from schemas.codec import Outcome
from schemas.partitioning import partition_of_loan
from schemas.topics import COMMANDS
from tests import audit
from tests.faults.campaign.told import ClientLog, Told, places

MOST_TOLD: Final = 20
Key = tuple[UUID, str]

OUTCOMES: Final = """
    SELECT partition_id, tenant_id, idempotency_key, correlation_id, command_type, status,
        command_offset, chunks_total, result ->> 'code' AS code
    FROM hpts.command_outcomes"""
ONE_AFTER_ANOTHER: Final = ("Refinance", "Payoff", "Period")
"""How the types of steps begin that end at a refusal; those of a batch are independent."""
LEFT_BEHIND: Final = {
    "a reservation has no outcome": """
        SELECT r.tenant_id, r.idempotency_key FROM hpts_edge.idempotency_reservations AS r
        WHERE NOT EXISTS (SELECT FROM hpts.command_outcomes AS o
            WHERE o.tenant_id = r.tenant_id AND o.correlation_id = r.command_id)""",
    "a step was never sent": "SELECT tenant_id, idempotency_key FROM hpts.outgoing_commands",
    "a partition is halted": """
        SELECT partition_id, halted_because FROM hpts.partitions
        WHERE halted_because IS NOT NULL""",
    "a dead letter": "SELECT partition_id, command_offset, reason FROM hpts.dead_letters",
    "a line of another tenant than its entry's": """
        SELECT e.partition_id, e.entry_seq FROM hpts.journal_entries AS e
        JOIN hpts.journal_lines AS j USING (partition_id, entry_seq)
        WHERE j.tenant_id <> e.tenant_id""",
    "a loan of two tenants": """
        SELECT loan_id FROM hpts.loans GROUP BY 1 HAVING count(DISTINCT tenant_id) > 1""",
    "an entry without the outcome that posted it": """
        SELECT e.partition_id, e.entry_seq FROM hpts.journal_entries AS e
        WHERE NOT EXISTS (SELECT FROM hpts.command_outcomes AS o
            WHERE o.partition_id = e.partition_id AND o.tenant_id = e.tenant_id
                AND o.command_offset = e.command_offset AND o.status = 'posted')""",
    "a command with two entries": """
        SELECT partition_id, command_offset FROM hpts.journal_entries
        GROUP BY 1, 2 HAVING count(*) > 1""",
}


@dataclass
class Evidence:
    """What the log and the books hold, by key."""

    partition_count: int
    offsets: dict[tuple[int, Key], list[int]] = field(default_factory=lambda: defaultdict(list))
    outcomes: dict[Key, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    records: int = 0
    duplicates: int = 0


def gather(dsn: str, bootstrap: str) -> tuple[Evidence, list[str]]:
    """Everything in the log and every outcome, and what does not fit together in them."""
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        positions = {
            row["partition_id"]: row["next_offset"]
            for row in connection.execute("SELECT partition_id, next_offset FROM hpts.partitions")
        }
        evidence = Evidence(len(positions))
        for row in connection.execute(OUTCOMES):
            evidence.outcomes[row["tenant_id"], ids.root_key(row["idempotency_key"])].append(row)
    faults = _read_log(bootstrap, positions, evidence)
    return evidence, faults


def _read_log(bootstrap: str, positions: dict[int, int], evidence: Evidence) -> list[str]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "the audit",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
        }
    )
    faults = []
    try:
        for partition_id, position in positions.items():
            place = TopicPartition(COMMANDS, partition_id, 0)
            _, end = consumer.get_watermark_offsets(place, timeout=10)
            if end != position:
                faults.append(f"partition {partition_id} ends at {end}, applied to {position}")
            consumer.assign([place])
            for offset, value in _records(consumer, end):
                command = codec.decode(value)
                if isinstance(command, Outcome):
                    faults.append(f"an outcome in the commands topic, {partition_id}:{offset}")
                    continue
                key = (command.tenant_id, command.idempotency_key)
                evidence.offsets[partition_id, key].append(offset)
                evidence.records += 1
    finally:
        consumer.close()
    evidence.duplicates = evidence.records - len(evidence.offsets)
    return faults


def _records(consumer: Consumer, end: int) -> Iterator[tuple[int, bytes | None]]:
    offset = -1
    while offset + 1 < end:
        for message in consumer.consume(1000, 5.0):
            if message.error() is not None:
                raise RuntimeError(f"the log cannot be read: {message.error()}")
            offset = int(message.offset() or 0)
            yield offset, message.value()


def faults_of(
    dsn: str, bootstrap: str, logs: Iterable[ClientLog], tenants: dict[str, UUID]
) -> tuple[list[str], Evidence]:
    """Everything that is wrong; `tenants` by client name."""
    logs = list(logs)
    evidence, faults = gather(dsn, bootstrap)
    faults += [fault for log in logs for fault in log.faults]
    faults += _left_behind(dsn)
    faults += audit.faults_of_books(dsn)
    faults += list(of_outcomes(evidence))
    for log in logs:
        tenant_id = tenants[log.name]
        for told in log.commands.values():
            faults += list(of_command(told, tenant_id, evidence))
        faults += list(order_of(log, tenant_id, evidence.partition_count))
    faults += _of_last_balances(dsn, logs, tenants)
    return faults, evidence


def _left_behind(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as connection:
        return [
            f"{name}: {row}"
            for name, statement in LEFT_BEHIND.items()
            for row in connection.execute(statement).fetchmany(MOST_TOLD)
        ]


def of_outcomes(evidence: Evidence) -> Iterator[str]:
    """Every record of the log has one outcome, at its first offset; and no outcome else."""
    outcomes = {
        (row["partition_id"], (tenant_id, row["idempotency_key"])): row["command_offset"]
        for (tenant_id, _), rows in evidence.outcomes.items()
        for row in rows
    }
    for place, offsets in evidence.offsets.items():
        if place not in outcomes:
            yield f"{place} is in the log at {offsets} and was not applied"
        elif outcomes[place] != min(offsets):
            yield f"{place} is in the log at {offsets} and was applied at {outcomes[place]}"
    for place in outcomes.keys() - evidence.offsets.keys():
        yield f"{place} has an outcome and is not in the log"


def of_command(told: Told, tenant_id: UUID, evidence: Evidence) -> Iterator[str]:
    """What the log and the books owe to one command that a client was told about."""
    rows = evidence.outcomes.get((tenant_id, told.key), [])
    final = told.final
    if final is None:
        yield f"{told.key} ({told.kind}) never got an answer"
        return
    if not rows:
        yield f"{told.key} ({told.kind}) was answered {final['status']} and has no outcome"
        return
    if len(told.command_ids | {str(row["correlation_id"]) for row in rows}) != 1:
        yield f"{told.key} has more than one command id: {told.command_ids}"
    posted = [row["status"] == "posted" for row in rows]
    ends_at_refusal = rows[0]["command_type"].startswith(ONE_AFTER_ANOTHER)
    is_posted = all(posted) if ends_at_refusal else any(posted)
    expected = max((row["chunks_total"] or 1) for row in rows)
    if len(rows) != expected and (is_posted or not ends_at_refusal):
        yield f"{told.key} has {len(rows)} outcomes of {expected}"
    if is_posted != (final["status"] in (200, 201)):
        yield f"{told.key} was answered {final['status']}; posted in the books: {is_posted}"
    codes = {row["code"] for row in rows}
    if not is_posted and final["code"] not in codes:
        yield f"{told.key} was refused {final['code']}; in the books {codes}"
    digests = {a["digest"] for a in told.answers if a["digest"] is not None}
    if len(digests) > 1:
        yield f"{told.key} was answered in {len(digests)} ways"
    yield from _of_places(told, tenant_id, evidence)


def _of_places(told: Told, tenant_id: UUID, evidence: Evidence) -> Iterator[str]:
    """Each position that was told holds a record of this key (or of one of its steps)."""
    rows = evidence.outcomes[tenant_id, told.key]
    applied = {(row["partition_id"], row["command_offset"]) for row in rows}
    for answer in told.answers:
        for partition_id, offset in places(answer["position"]):
            sent = evidence.offsets.get((partition_id, (tenant_id, told.key)), [])
            if (partition_id, offset) not in applied and offset not in sent:
                yield f"{told.key} was told {partition_id}:{offset}, which is not its record"


def order_of(log: ClientLog, tenant_id: UUID, partition_count: int) -> Iterator[str]:
    """A command that was sent after an earlier one's answer stands after it in the log."""
    last: dict[str, tuple[int, str, float]] = {}
    for told in log.commands.values():
        final = told.final
        if final is None:
            continue
        offsets = dict(told.offsets())
        for loan_id in told.loans:
            partition_id = partition_of_loan(tenant_id, UUID(loan_id), partition_count)
            if partition_id not in offsets:
                continue  # a refusal tells no position
            offset = offsets[partition_id]
            before = last.get(loan_id)
            if before is not None and before[2] <= told.began_at and before[0] >= offset:
                yield f"loan {loan_id}: {told.key} at {offset}, after {before[1]} at {before[0]}"
            last[loan_id] = (offset, told.key, final["at"])


def _of_last_balances(
    dsn: str, logs: Iterable[ClientLog], tenants: dict[str, UUID]
) -> Iterator[str]:
    """The last balance that a client was told of a loan is the loan's, if nothing came after."""
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        loans = {
            (row["tenant_id"], str(row["loan_id"])): row
            for row in connection.execute("SELECT * FROM hpts.loans")
        }
    for log in logs:
        last: dict[str, Told] = {}
        for told in log.commands.values():
            if told.final is not None and told.final["status"] in (200, 201):
                last |= dict.fromkeys(told.loans, told)
        for loan_id, told in last.items():
            balance = told.final["balance"] if told.final else None
            row = loans.get((tenants[log.name], loan_id))
            if row is None:
                yield f"loan {loan_id} of {told.key} is not in the books"
            elif balance is not None and not _agree(balance, row):
                yield f"loan {loan_id}: {told.key} was told {balance}; the books say {row}"


def _agree(balance: dict[str, Any], row: dict[str, Any]) -> bool:
    names = {
        "principal_outstanding_minor": "principal_minor",
        "interest_receivable_minor": "interest_minor",
        "fees_receivable_minor": "fees_minor",
        "suspense_minor": "suspense_minor",
    }
    return all(int(balance[told]) == row[kept] for told, kept in names.items())
