"""What each of the engine's named statements does to the rows of a session: its `.sql` in Python.

`tests/simulation/test_faithful.py` runs the same log through these and through real Postgres and
compares every table, so they cannot drift apart. A statement that is not here cannot be simulated
and says so.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import psycopg

from posting_engine.posting.loan import Loan
from posting_engine.statements import STATEMENTS
from tests.simulation.accrual_statements import (
    accrue_loans,
    insert_debits,
    load_accruing_loans,
)
from tests.simulation.leases import LEASE_STATEMENTS, chosen, columns
from tests.simulation.lookups import (
    accrued_part,
    accrued_share,
    disbursements_named,
    entries_named,
    standing_accruals,
)
from tests.simulation.quarantines import QUARANTINE_STATEMENTS
from tests.simulation.server import KEYS, Row, Session

Parameters = Mapping[str, Any]
Rows = list[Row]

NAME_OF: Final = {text: name for name, text in STATEMENTS.items()}
"""The text of a statement -> its name."""

_OUTCOME: Final = (
    *("partition_id", "tenant_id", "idempotency_key", "command_id", "correlation_id"),
    *("fingerprint", "status", "result", "command_offset"),
)
_OUTGOING: Final = (
    *("partition_id", "tenant_id", "idempotency_key", "kind", "to_partition", "record_key"),
    *("record_value", "reply_partition", "traceparent"),
)
_LOAN: Final = ("partition_id", *Loan.__dataclass_fields__)
_NEVER_NEGATIVE: Final = tuple(n for n in Loan.__dataclass_fields__ if n.endswith("_minor"))
_SUB_BALANCES: Final = ("principal", "interest", "fees", "suspense", "unsettled")


def execute(session: Session, name: str, parameters: Parameters) -> Rows:
    """Run a statement; its rows, or one empty row for each row that a write matched."""
    return SIMULATED[name](session, parameters)


def _load(table: str, names: Sequence[str]) -> Callable[[Session, Parameters], Rows]:
    """Look rows up by key: arrays in the key's order, named in the plural."""

    def load(session: Session, parameters: Parameters) -> Rows:
        keys = zip(*(parameters[f"{part}s"] for part in KEYS[table]), strict=True)
        found = (session.get(table, key) for key in keys)
        return [chosen(row, names) for row in found if row is not None]

    return load


def _insert(table: str, **more: Any) -> Callable[[Session, Parameters], Rows]:
    def insert(session: Session, parameters: Parameters) -> Rows:
        rows = [row | more for row in columns(parameters)]
        for row in rows:
            _check(table, row)
            session.insert(table, row)
        return rows

    return insert


def _check(table: str, row: Row) -> None:
    """The CHECK constraints that a bug of the engine could meet."""
    fits = True
    match table:
        case "loans":
            fits = min(row[name] for name in _NEVER_NEGATIVE) >= 0
            fits &= max(row[f"{name}_minor"] for name in _SUB_BALANCES) <= 999_999_999_999_999
            fits &= min(value for name, value in row.items() if name.startswith("standing_")) >= 0
        case "journal_lines":
            fits = 0 < row["amount_minor"] < 1 << 63 and row["direction"] in ("DR", "CR")
        case "journal_entries":
            fits = len(row["entry_hash"]) == 32
        case "command_outcomes":
            fits = len(row["fingerprint"]) == 32 and row["status"] in ("posted", "rejected")
        case "disbursements":
            fits = 0 <= row["settled_minor"] <= row["amount_minor"] and row["amount_minor"] > 0
    if not fits:
        raise psycopg.errors.CheckViolation(f"{table}: {row}")


def _insert_loans(session: Session, parameters: Parameters) -> Rows:
    return _insert("loans")(session, {k: v for k, v in parameters.items() if k != "read_version"})


def _update_loans(session: Session, parameters: Parameters) -> Rows:
    written = []
    for row in columns(parameters):
        read_version = row.pop("read_version")
        key = tuple(row[name] for name in KEYS["loans"])
        found = session.get("loans", key)
        if found is None or found["version"] != read_version:
            continue
        _check("loans", row)
        session.put("loans", row)
        written.append(row)
    return written


def _add_account_days(session: Session, parameters: Parameters) -> Rows:
    for row in columns(parameters):
        key = tuple(row[name] for name in KEYS["account_days"])
        session.lock("account_days", key)
        before = session.get("account_days", key)
        if before is not None:
            for side in ("debit_minor", "credit_minor"):
                row[side] += before[side]
        session.put("account_days", row)
    return []


def _check_balance(session: Session, parameters: Parameters) -> Rows:
    sums_minor: dict[tuple[Any, ...], int] = {}
    written = (row for (table, _), row in session.writes.items() if table == "journal_lines")
    for row in written:
        key = (row["partition_id"], row["entry_seq"], row["currency"], row["layer"])
        signed_minor = row["amount_minor"] * (1 if row["direction"] == "DR" else -1)
        sums_minor[key] = sums_minor.get(key, 0) + signed_minor
    return [{"partition_id": k[0], "entry_seq": k[1]} for k, sum_ in sums_minor.items() if sum_]


def _put_disbursements(session: Session, parameters: Parameters) -> Rows:
    for row in columns(parameters):
        key = tuple(row[name] for name in KEYS["disbursements"])
        session.lock("disbursements", key)
        before = session.get("disbursements", key)
        if before is not None:
            row = before | chosen(row, ("settled_minor", "reversed"))
        _check("disbursements", row)
        session.put("disbursements", row)
    return []


def _put_closed_periods(session: Session, parameters: Parameters) -> Rows:
    for row in columns(parameters):
        before = session.get("closed_periods", (row["partition_id"], row["tenant_id"]))
        if before is not None:
            row["closed_through"] = max(row["closed_through"], before["closed_through"])
        session.put("closed_periods", row)
    return []


def _insert_period_closes(session: Session, parameters: Parameters) -> Rows:
    for row in columns(parameters):
        if session.get("period_closes", tuple(row[name] for name in KEYS["period_closes"])) is None:
            session.put("period_closes", row)
    return []


def _insert_follow_ups(session: Session, parameters: Parameters) -> Rows:
    for row in columns(parameters):
        seq = session.server.next_outgoing_seq()
        session.insert("outgoing_commands", row | {"kind": "follow_up", "outgoing_seq": seq})
    return []


def _load_outgoing(session: Session, parameters: Parameters) -> Rows:
    found: Rows = []
    for partition_id in parameters["partition_ids"]:
        mine = [
            row
            for row in session.server.rows("outgoing_commands")
            if row["partition_id"] == partition_id and row["kind"] == parameters["kind"]
        ]
        mine.sort(key=lambda row: row["outgoing_seq"])
        found += [chosen(row, _OUTGOING) for row in mine[: parameters["most"]]]
    return found[: parameters["in_all"]]


def _delete_outgoing(session: Session, parameters: Parameters) -> Rows:
    for row in columns(parameters):
        session.delete("outgoing_commands", tuple(row.values()))
    return []


def _load_outcomes(session: Session, parameters: Parameters) -> Rows:
    rows = _load("command_outcomes", (*_OUTCOME, "resumed_offset"))(session, parameters)
    for row in rows:
        resumed_offset = row.pop("resumed_offset")
        row["command_offset"] = row["command_offset"] if resumed_offset is None else resumed_offset
    return rows


def _load_closed_periods(session: Session, parameters: Parameters) -> Rows:
    keys = zip(parameters["partition_ids"], parameters["tenant_ids"], strict=True)
    found = (session.get("closed_periods", key) for key in keys)
    return [dict(row) for row in found if row is not None]


def _insert_dead_letters(session: Session, parameters: Parameters) -> Rows:
    rows = _insert("dead_letters")(session, parameters)
    for row in rows:
        row["record_headers"] = json.loads(row["record_headers"])
    return rows


SIMULATED: Final[dict[str, Callable[[Session, Parameters], Rows]]] = {
    "accrue_loans": accrue_loans(_check),
    "add_account_days": _add_account_days,
    "begin": lambda _session, _parameters: [],
    "check_balance": _check_balance,
    "delete_outgoing": _delete_outgoing,
    "forget_plans": lambda _session, _parameters: [],
    "insert_dead_letters": _insert_dead_letters,
    "insert_debits": insert_debits(_check),
    "insert_disbursement_entries": _insert("disbursement_entries"),
    "insert_entries": _insert("journal_entries"),
    "insert_follow_ups": _insert_follow_ups,
    "insert_lines": _insert("journal_lines"),
    "insert_loans": _insert_loans,
    "insert_outcomes": _insert("command_outcomes"),
    "insert_period_closes": _insert_period_closes,
    "insert_reversal_targets": _insert("reversal_targets"),
    "load_accruing_loans": load_accruing_loans,
    "load_accrued_part": accrued_part,
    "load_accrued_share": accrued_share,
    "load_closed_periods": _load_closed_periods,
    "load_disbursements": disbursements_named,
    "load_entries": entries_named,
    "load_loans": _load("loans", _LOAN),
    "load_outcomes": _load_outcomes,
    "load_outgoing": _load_outgoing,
    "load_signing_keys": lambda _session, _parameters: [],
    "load_standing_accruals": standing_accruals,
    "put_closed_periods": _put_closed_periods,
    "put_disbursements": _put_disbursements,
    "update_loans": _update_loans,
    **LEASE_STATEMENTS,
    **QUARANTINE_STATEMENTS,
}
