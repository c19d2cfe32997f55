"""The engine's look-ups of the journal, over a session's rows: `load_entries` and the accruals."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from schemas.chart_of_accounts import INTEREST_RECEIVABLE
from tests.simulation.server import Row, Session

Parameters = Mapping[str, Any]
Rows = list[Row]

WHOLE: Final = UUID(int=0)
_ENTRY: Final = (
    *("partition_id", "entry_seq", "tenant_id", "journal_entry_id", "part", "event_type"),
    *("event_id", "effective_on", "booked_on", "posted_at", "correlation_id", "actor"),
    *("description", "reverses_entry_id", "reverses_part"),
)
_DISBURSED: Final = (
    *("event_id", "loan_id", "journal_entry_id", "amount_minor", "entry_seq", "effective_on"),
    *("settled_minor", "reversed"),
)
_LINE: Final = (
    *("sequence", "account_code", "direction", "amount_minor", "currency", "loan_id"),
    *("borrower_id", "external_ref", "layer"),
)


def entries_named(session: Session, parameters: Parameters) -> Rows:
    """`load_entries`: one row a line of each entry that is named."""
    found: Rows = []
    for named in zip(*(parameters[name] for name in _NAMED), strict=True):
        entry = _entry_named(session, *named)
        if entry is not None:
            found += _with_lines(session, entry)
    return sorted(found, key=lambda row: (row["partition_id"], row["entry_seq"], row["sequence"]))


_NAMED: Final = ("partition_ids", "tenant_ids", "first_ids", "last_ids", "parts", "event_ids")


def _entry_named(
    session: Session,
    partition_id: int,
    tenant_id: UUID,
    first_id: UUID,
    last_id: UUID,
    part: int,
    event_id: UUID | None,
) -> Row | None:
    near = [
        row
        for row in _entries(session, partition_id)
        if first_id <= row["journal_entry_id"] <= last_id
        and row["part"] == part
        and event_id in (None, row["event_id"])
    ]
    # The index gives the lowest id, and only that is held against the tenant.
    lowest = min(near, key=lambda row: row["journal_entry_id"], default=None)
    return None if lowest is None or lowest["tenant_id"] != tenant_id else lowest


def _with_lines(session: Session, entry: Row) -> Rows:
    partition_id, entry_id = entry["partition_id"], entry["journal_entry_id"]
    target = session.get("reversal_targets", (partition_id, entry_id, entry["part"], WHOLE))
    link = session.get("disbursement_entries", (partition_id, entry_id))
    event_id = entry["event_id"] if link is None else link["event_id"]
    disbursed = session.get("disbursements", (partition_id, entry["tenant_id"], event_id)) or {}
    head = {name: entry[name] for name in _ENTRY} | {
        "metadata": json.loads(entry["metadata"]),
        "details": json.loads(entry["details"]),
        "reversed_by_entry_id": None if target is None else target["reversed_by_entry_id"],
    }
    head |= {f"disbursed_{name}": disbursed.get(name) for name in _DISBURSED}
    return [head | {name: line[name] for name in _LINE} for line in lines_of(session, entry)]


def disbursements_named(session: Session, parameters: Parameters) -> Rows:
    """`load_disbursements`."""
    found: Rows = []
    names = ("partition_ids", "tenant_ids", "event_ids")
    for key in zip(*(parameters[name] for name in names), strict=True):
        disbursed = session.get("disbursements", key)
        if disbursed is not None:
            row = {name: disbursed[name] for name in ("partition_id", "tenant_id", *_DISBURSED)}
            found.append(row | {"reversed_by_entry_id": _reversal_of(session, disbursed)})
    return found


def _reversal_of(session: Session, disbursed: Row) -> UUID | None:
    """What reversed the entry of a disbursement: of one in parts, the part that lends."""
    entry = (disbursed["partition_id"], disbursed["journal_entry_id"])
    targets = (session.get("reversal_targets", (*entry, part, WHOLE)) for part in (1, 0))
    found = next((target for target in targets if target is not None), None)
    return None if found is None else found["reversed_by_entry_id"]


def lines_of(session: Session, entry: Row) -> Iterator[Row]:
    """An entry's lines in order."""
    sequence = 1
    key = (entry["partition_id"], entry["entry_seq"])
    while (line := session.get("journal_lines", (*key, sequence))) is not None:
        yield line
        sequence += 1


def _entries(session: Session, partition_id: int) -> Iterator[Row]:
    entry_seq = 1
    while (row := session.get("journal_entries", (partition_id, entry_seq))) is not None:
        yield row
        entry_seq += 1


def _accruals(session: Session, partition_id: int) -> Iterator[tuple[Row, Row]]:
    """Entry and line of each accrual of a loan."""
    for entry in _entries(session, partition_id):
        if entry["event_type"] == "accrual":
            for line in lines_of(session, entry):
                if _is_accrued(line):
                    yield entry, line


def _is_accrued(line: Row) -> bool:
    return line["account_code"] == INTEREST_RECEIVABLE.code and line["direction"] == "DR"


def _target(session: Session, entry: Row, loan_id: UUID) -> Row | None:
    key = (entry["partition_id"], entry["journal_entry_id"], entry["part"], loan_id)
    return session.get("reversal_targets", key)


def _accrued(session: Session, entry: Row, line: Row, loan: Row | None) -> Row:
    """A line of an accrual as its reversal needs it."""
    earlier = [
        before["effective_on"]
        for before, accrued in _accruals(session, entry["partition_id"])
        if loan is not None
        and (accrued["tenant_id"], accrued["loan_id"]) == (loan["tenant_id"], loan["loan_id"])
        and accrued["effective_on"] < entry["effective_on"]
        and before["entry_seq"] >= loan["life_began_seq"]
        and _target(session, before, accrued["loan_id"]) is None
    ]
    target = _target(session, entry, line["loan_id"])
    return {
        "loan_id": line["loan_id"],
        "part": entry["part"],
        "entry_seq": entry["entry_seq"],
        "accrual_event_id": entry["event_id"],
        "amount_minor": line["amount_minor"],
        "currency": line["currency"],
        "accrued_on": entry["effective_on"],
        "previous_accrued_on": max(earlier, default=None),
        "reversed_by": None if target is None else target["reversed_by_entry_id"],
    }


def accrued_part(session: Session, parameters: Parameters) -> Rows:
    """`load_accrued_part`."""
    found = []
    partition_id = parameters["partition_id"]
    for entry in _entries(session, partition_id):
        named = (entry["journal_entry_id"], entry["part"], entry["tenant_id"])
        wanted = ("journal_entry_id", "part", "tenant_id")
        if named != tuple(parameters[name] for name in wanted):
            continue
        is_reversal = entry["event_type"] == "reversal"
        for line in lines_of(session, entry):
            is_share = entry["event_type"] == "accrual" and _is_accrued(line)
            if is_share or (is_reversal and line["sequence"] == 1):
                key = (partition_id, entry["tenant_id"], line["loan_id"])
                row = _accrued(session, entry, line, session.get("loans", key))
                found.append(row | {"is_reversal": is_reversal})
    return found


def accrued_share(session: Session, parameters: Parameters) -> Rows:
    """`load_accrued_share`."""
    key = tuple(parameters[name] for name in ("partition_id", "tenant_id", "loan_id"))
    loan = session.get("loans", key)
    if loan is None:
        return []
    return [
        _accrued(session, entry, line, loan)
        for entry, line in _accruals(session, parameters["partition_id"])
        if (line["tenant_id"], line["loan_id"]) == key[1:]
        and entry["journal_entry_id"] == parameters["journal_entry_id"]
    ][:1]


def standing_accruals(session: Session, parameters: Parameters) -> Rows:
    """`load_standing_accruals`."""
    latest: dict[UUID, int] = {}
    for entry, line in _accruals(session, parameters["partition_id"]):
        is_named = line["tenant_id"] == parameters["tenant_id"]
        is_named &= line["effective_on"] == parameters["accrued_on"]
        if is_named and _target(session, entry, line["loan_id"]) is None:
            latest[line["loan_id"]] = entry["entry_seq"]
    wanted = parameters["loan_ids"]
    return [{"loan_id": loan, "entry_seq": latest[loan]} for loan in wanted if loan in latest]
