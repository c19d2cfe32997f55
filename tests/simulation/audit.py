"""What must be true when a run has come to rest, found from the log, the tables and the clients
alone: nothing of `posting_engine` is used, so a fault of it cannot hide itself.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from schemas import chain, codec, signing
from schemas.commands import (
    FOLLOWING_STEPS,
    AnyCommand,
    Disbursement,
    FeeAssessment,
    Payment,
    PeriodClose,
    Refinance,
    RefinancePayoff,
    RefinanceReversal,
)
from schemas.placement import place_of
from schemas.topics import SIGNATURE_HEADER
from tests.simulation.broker import Broker, Partition
from tests.simulation.clients import Clients
from tests.simulation.engines import KEY
from tests.simulation.server import Row, Server

LOAN_ACCOUNTS: Final = {
    "1100": ("principal_minor", 1),
    "1200": ("interest_minor", 1),
    "1300": ("fees_minor", 1),
    "2100": ("suspense_minor", -1),
    "2000": ("unsettled_minor", -1),
}
COMPARED: Final = (
    *("loans", "journal_entries", "journal_lines", "account_days", "command_outcomes"),
    *("disbursements", "disbursement_entries", "reversal_targets", "closed_periods"),
    *("period_closes", "quarantines", "quarantined_commands"),
)
POSITION: Final = (
    *("next_offset", "last_record_hash", "last_entry_seq", "chain_head", "quarantined_count"),
)

OutcomeKey = tuple[int, UUID, str]


def faults(server: Server, broker: Broker, clients: Clients) -> Iterator[str]:
    """Sentences; none when the books are sound."""
    commands: dict[OutcomeKey, tuple[int, AnyCommand]] = {}
    for partition in broker.partitions:
        letters = set(range(len(partition.stored)))
        for offset, command in _commands(partition, len(broker.partitions)):
            letters.discard(offset)
            key = (partition.number, command.tenant_id, command.idempotency_key)
            if not command.dry_run:
                commands.setdefault(key, (offset, command))
        yield from _position_faults(server, partition)
        kept = {k[1] for k in server.tables["dead_letters"] if k[0] == partition.number}
        if kept != letters:
            more, missing = sorted(kept - letters), sorted(letters - kept)
            yield f"dead letters of {partition.number}: {more} too many, {missing} missing"
    yield from _outcome_faults(server, commands)
    yield from _promise_faults(server, clients, len(broker.partitions))
    yield from _step_faults(server, commands, len(broker.partitions))
    yield from _chunk_order_faults(clients, commands)
    yield from _order_faults(server, commands)
    yield from _publication_faults(server, broker)
    yield from _journal_faults(server)
    yield from _balance_faults(server)


def differences(server: Server, reference: Server) -> Iterator[str]:
    """Where the books differ from those of the same log applied without faults."""
    for table in COMPARED:
        ours, theirs = server.tables[table], reference.tables[table]
        for key in ours.keys() | theirs.keys():
            if ours.get(key) != theirs.get(key):
                yield f"{table} {key}: {ours.get(key)} and without faults {theirs.get(key)}"
    for key, row in server.tables["partitions"].items():
        other = reference.tables["partitions"][key]
        for name in POSITION:
            if row[name] != other[name]:
                yield f"{name} of partition {key}: {row[name]} and without faults {other[name]}"


def _commands(partition: Partition, count: int) -> Iterator[tuple[int, AnyCommand]]:
    """Every offset that holds a rightly signed command in its own partition."""
    for record in partition.committed():
        header = record.header(SIGNATURE_HEADER)
        value = record.value or b""
        if header is None or not signing.is_signed(header, value, {KEY.key_id: KEY}):
            continue
        try:
            command: Any = codec.decode(value)
        except codec.UndecodableRecord:
            continue
        if place_of(command, count)[0] == partition.number:
            yield record.offset, command


def _position_faults(server: Server, partition: Partition) -> Iterator[str]:
    row = server.tables["partitions"][partition.number,]
    if row["next_offset"] != len(partition.stored):
        yield f"partition {partition.number} stands at {row['next_offset']}: {row}"
    if row["halted_because"] is not None:
        yield f"partition {partition.number} is halted: {row['halted_because']}"


def _outcome_faults(
    server: Server, commands: dict[OutcomeKey, tuple[int, AnyCommand]]
) -> Iterator[str]:
    outcomes = server.tables["command_outcomes"]
    for key in commands.keys() - outcomes.keys():
        yield f"lost: {key} at {commands[key][0]} has no outcome"
    for key in outcomes.keys() - commands.keys():
        yield f"invented: {key} has an outcome and is not in the log"
    for key in outcomes.keys() & commands.keys():
        if outcomes[key]["command_offset"] != commands[key][0]:
            yield f"{key} was decided at {outcomes[key]['command_offset']}, not {commands[key][0]}"


def _promise_faults(server: Server, clients: Clients, count: int) -> Iterator[str]:
    for request in clients.acknowledged.values():
        for command in request.commands:
            key = (place_of(command, count)[0], command.tenant_id, command.idempotency_key)
            row = server.tables["command_outcomes"].get(key)
            if command.dry_run:
                continue
            if row is None:
                yield f"acknowledged and lost: {key}"
            elif row["fingerprint"] != command.fingerprint:
                yield f"acknowledged, and another request was decided: {key}"
    latest: dict[int, Row] = {}
    outcomes = server.tables["command_outcomes"]
    for row in sorted(outcomes.values(), key=_applied):
        before = latest.get(row["partition_id"], row)
        if row["posted_at"] < before["posted_at"]:
            yield f"time goes back at {row['partition_id']}: {row['command_offset']}"
        latest[row["partition_id"]] = row
    seen: dict[tuple[UUID, str], int] = {}
    for partition_id, tenant_id, key in server.tables["command_outcomes"]:
        if seen.setdefault((tenant_id, key), partition_id) != partition_id:
            yield f"{key} was decided in two partitions"


def _applied(outcome: Row) -> int:
    """The offset that brought the outcome: the command's own, or a resolution's."""
    resumed: int | None = outcome["resumed_offset"]
    own: int = outcome["command_offset"]
    return own if resumed is None else resumed


def _order_faults(
    server: Server, commands: dict[OutcomeKey, tuple[int, AnyCommand]]
) -> Iterator[str]:
    """The commands of a loan are applied in the order of the log, also around a quarantine."""
    latest: dict[tuple[Any, ...], int] = {}
    for key, (_, command) in sorted(commands.items(), key=lambda one: one[1][0]):
        row = server.tables["command_outcomes"].get(key)
        if row is None or not isinstance(command, Disbursement | Payment | FeeAssessment):
            continue
        loan = (key[0], command.tenant_id, command.loan_id)
        if _applied(row) < latest.get(loan, 0):
            yield f"{key} was applied before an earlier command of its loan"
        latest[loan] = _applied(row)


def _publication_faults(server: Server, broker: Broker) -> Iterator[str]:
    """What was not applied is published, at least once, and nothing else is."""
    told = set()
    for _, value in broker.dead_letters:
        letter: Any = codec.decode(value)
        told.add((letter.partition_id, letter.command_offset, letter.decided_offset))
    facts = {(p, offset, None) for p, offset in server.tables["dead_letters"]}
    facts |= {(k[0], k[2], k[1]) for k in server.tables["quarantines"]}
    hidden = {
        (row["partition_id"], row["command_offset"], None)
        for row in server.rows("dead_letters")
        if row["reason"].startswith("hidden")
    }
    if told - facts or facts - hidden - told:
        yield f"published {told - facts} for nothing, and never {facts - hidden - told}"


def _step_faults(
    server: Server, commands: dict[OutcomeKey, tuple[int, AnyCommand]], count: int
) -> Iterator[str]:
    """Each request of several steps has all of its steps, and no step comes from nowhere."""
    if server.tables["outgoing_commands"]:
        yield f"never sent: {list(server.tables['outgoing_commands'])}"
    status = {(k[1], k[2]): row["status"] for k, row in server.tables["command_outcomes"].items()}
    wanted: dict[tuple[UUID, str], str] = {}
    for (_, tenant_id, key), (_, command) in commands.items():
        posted = status.get((tenant_id, key)) == "posted"
        root = key.partition("/")[0]
        match command:
            case Refinance() if posted:
                wanted[tenant_id, f"{root}/payoff"] = "either"
            case RefinancePayoff():
                wanted[tenant_id, f"{root}/{'opening' if posted else 'release'}"] = "posted"
            case RefinanceReversal() if posted:
                wanted[tenant_id, f"{root}/payoff"] = "posted"
            case PeriodClose() if posted:
                for number in range(count):
                    wanted[tenant_id, f"{root}/{number}"] = "posted"
    for name, needed in wanted.items():
        if status.get(name) is None or needed not in ("either", status[name]):
            yield f"step {name} is {status.get(name)}, not {needed}"
    for (_, tenant_id, key), (_, command) in commands.items():
        if isinstance(command, FOLLOWING_STEPS) and (tenant_id, key) not in wanted:
            yield f"step {key} comes from nowhere"
    for row in server.rows("loans"):
        if row["reserved_by"] is not None:
            yield f"loan {row['loan_id']} is still reserved"


def _chunk_order_faults(
    clients: Clients, commands: dict[OutcomeKey, tuple[int, AnyCommand]]
) -> Iterator[str]:
    latest: dict[int, int] = defaultdict(lambda: -1)
    for key in clients.queued:
        if key in commands:
            offset = commands[key][0]
            if offset < latest[key[0]]:
                yield f"chunk {key} was overtaken by a later one"
            latest[key[0]] = offset
        else:
            yield f"chunk {key} was accepted and never sent"


def _journal_faults(server: Server) -> Iterator[str]:
    entries, lines = server.tables["journal_entries"], server.tables["journal_lines"]
    by_entry: dict[tuple[int, int], list[Row]] = defaultdict(list)
    for key in sorted(lines):
        by_entry[key[0], key[1]].append(lines[key])
    if set(by_entry) != set(entries):
        yield f"lines and entries do not meet: {set(by_entry) ^ set(entries)}"
    applied = {(k[0], r["command_offset"]): _applied(r) for k, r in _outcomes(server)}
    heads: dict[int, tuple[bytes, int, int]] = defaultdict(lambda: (chain.GENESIS, 0, -1))
    for key in sorted(entries):
        entry, (head, entry_seq, offset) = entries[key], heads[key[0]]
        if entry["entry_seq"] != entry_seq + 1:
            yield f"entry_seq {entry['entry_seq']} follows {entry_seq}"
        if applied[key[0], entry["command_offset"]] < offset:
            yield f"entry {key} is out of order"
        head = _link(head, entry, by_entry[key])
        if head != entry["entry_hash"]:
            yield f"the chain breaks at {key}"
        applied_offset = applied[key[0], entry["command_offset"]]
        heads[key[0]] = (head, entry["entry_seq"], applied_offset)
        sums_minor: dict[tuple[str, str], int] = defaultdict(int)
        for line in by_entry[key]:
            sums_minor[line["currency"], line["layer"]] += _signed_minor(line)
        if any(sums_minor.values()) or len(by_entry[key]) < 2:
            yield f"entry {key} does not balance"
    for row in server.rows("partitions"):
        head, entry_seq, _ = heads[row["partition_id"]]
        if (row["chain_head"], row["last_entry_seq"]) != (head, entry_seq):
            yield f"the head of partition {row['partition_id']} is not its last entry"


def _outcomes(server: Server) -> list[tuple[OutcomeKey, Row]]:
    rows: Any = server.tables["command_outcomes"].items()
    return list(rows)


def _link(head: bytes, entry: Row, lines: list[Row]) -> bytes:
    names = ("account_code", "direction", "amount_minor", "currency", "layer", "loan_id")
    names += ("borrower_id", "external_ref")
    fields = {k: v for k, v in entry.items() if k not in ("command_offset", "entry_hash")}
    fields |= {name: json.loads(entry[name]) for name in ("metadata", "details")}
    told: Any = [tuple(line[name] for name in names) for line in lines]
    return chain.entry_hash(head, **fields, lines=told)


def _signed_minor(line: Row) -> int:
    amount_minor: int = line["amount_minor"]
    return amount_minor if line["direction"] == "DR" else -amount_minor


def _balance_faults(server: Server) -> Iterator[str]:
    loans_minor: dict[tuple[Any, ...], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    days_minor: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    clearing_minor: dict[tuple[UUID, str], int] = defaultdict(int)
    for line in server.rows("journal_lines"):
        entry = server.tables["journal_entries"][line["partition_id"], line["entry_seq"]]
        day = (line["partition_id"], line["tenant_id"], line["account_code"], line["currency"])
        day += (line["layer"], entry["booked_on"], entry["posted_at"].date())
        days_minor[day][line["direction"] == "CR"] += line["amount_minor"]
        if line["account_code"] == "2200":
            clearing_minor[line["tenant_id"], line["currency"]] += _signed_minor(line)
        if line["loan_id"] is not None and line["account_code"] in LOAN_ACCOUNTS:
            name, sign = LOAN_ACCOUNTS[line["account_code"]]
            key = (line["partition_id"], line["tenant_id"], line["loan_id"])
            loans_minor[key][name] += sign * _signed_minor(line)
    for key, loan in server.tables["loans"].items():
        for name, _ in LOAN_ACCOUNTS.values():
            if loan[name] != loans_minor[key][name]:
                yield f"{name} of loan {key} is {loan[name]}, its lines say {loans_minor[key]}"
    if any(clearing_minor.values()):
        yield f"account 2200 stands: {dict(clearing_minor)}"
    days = server.tables["account_days"]
    kept_minor = {key: [row["debit_minor"], row["credit_minor"]] for key, row in days.items()}
    if kept_minor != dict(days_minor):
        yield "a day total is not the sum of its lines"
