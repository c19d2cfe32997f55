"""The statements about what waits for an operator, and about what is published of it."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

import psycopg

from tests.simulation.server import KEYS, Row, Session

Parameters = Mapping[str, Any]
Rows = list[Row]

_TABLE: Final = "quarantined_commands"
_KEY: Final = ("partition_id", "tenant_id", "idempotency_key")
_WAITING: Final = (
    *("partition_id", "tenant_id", "loan_id", "command_offset", "command_id", "command_type"),
    *("is_share", "appended_at", "record_key", "record_value"),
)
_KNOWN: Final = (
    *("partition_id", "tenant_id", "idempotency_key", "command_id", "correlation_id"),
    *("fingerprint", "command_offset"),
)


def _rows(parameters: Parameters) -> Rows:
    names = list(parameters)
    columns = [parameters[name] for name in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _seen(session: Session, table: str) -> Rows:
    """Every row as the session sees it, in the order of the key."""
    keys = set(session.server.tables[table])
    keys |= {key for name, key in session.writes if name == table}
    ordered = sorted(keys, key=lambda key: tuple(str(part).rjust(40) for part in key))
    return [row for key in ordered if (row := session.get(table, key)) is not None]


def _insert_queued(session: Session, parameters: Parameters) -> Rows:
    rows = _rows(parameters)
    for row in rows:
        key = tuple(row[name] for name in _KEY)
        if not row["is_share"]:
            session.lock(f"{_TABLE}, unique", key)
            if _of_key(session, key) is not None:
                raise psycopg.errors.UniqueViolation(f"{_TABLE}: {key}")
        session.insert(_TABLE, row)
    return rows


def _of_key(session: Session, key: tuple[Any, ...]) -> Row | None:
    for row in _seen(session, _TABLE):
        if not row["is_share"] and tuple(row[name] for name in _KEY) == key:
            return row
    return None


def _insert_quarantines(session: Session, parameters: Parameters) -> Rows:
    rows = _rows(parameters)
    for row in rows:
        session.insert("quarantines", row)
    return rows


def _insert_letters(session: Session, parameters: Parameters) -> Rows:
    rows = [r | {"outgoing_seq": session.server.next_letter_seq()} for r in _rows(parameters)]
    for row in rows:
        session.insert("outgoing_dead_letters", row)
    return rows


def _load_letters(session: Session, parameters: Parameters) -> Rows:
    names = ("partition_id", "outgoing_seq", "record_key", "record_value")
    found: Rows = []
    for partition_id in parameters["partition_ids"]:
        mine = [
            r for r in _seen(session, "outgoing_dead_letters") if r["partition_id"] == partition_id
        ]
        bytes_before = 0
        for row in mine[: parameters["most"]]:
            if bytes_before < parameters["most_bytes"]:
                found.append({name: row[name] for name in names})
            bytes_before += len(row["record_value"])
    return found


def _delete(table: str) -> Callable[[Session, Parameters], Rows]:
    def delete(session: Session, parameters: Parameters) -> Rows:
        for row in _rows(parameters):
            session.delete(table, tuple(row[f"{name}s"] for name in KEYS[table]))
        return []

    return delete


def _update_queued(session: Session, parameters: Parameters) -> Rows:
    for row in _rows(parameters):
        key = tuple(row[name] for name in KEYS[_TABLE])
        before = session.get(_TABLE, key)
        if before is not None:
            session.put(
                _TABLE, before | {"reason": row["reason"], "quarantined_at": row["decided_at"]}
            )
    return []


def _load_keys(session: Session, parameters: Parameters) -> Rows:
    names = ("partition_ids", "tenant_ids", "idempotency_keys")
    keys = zip(*(parameters[name] for name in names), strict=True)
    found = (_of_key(session, key) for key in keys)
    more = {"status": "quarantined", "result": "{}"}
    return [{n: row[n] for n in _KNOWN} | more for row in found if row is not None]


def _load_loans(session: Session, parameters: Parameters) -> Rows:
    names = ("partition_id", "tenant_id", "loan_id")
    still = {tuple(row[name] for name in names) for row in _seen(session, _TABLE)}
    keys = zip(*(parameters[f"{name}s"] for name in names), strict=True)
    return [dict(zip(names, key, strict=True)) for key in keys if key in still]


def _load_waiting(session: Session, parameters: Parameters) -> Rows:
    place = (parameters["partition_id"], parameters["tenant_id"])
    mine = [r for r in _seen(session, _TABLE) if (r["partition_id"], r["tenant_id"]) == place]
    loans = {
        row["loan_id"]
        for row in mine
        if row["command_id"] == parameters["command_id"]
        and parameters["loan_id"] in (None, row["loan_id"])
    }
    waiting = [row for row in mine if row["loan_id"] in loans]
    waiting.sort(key=lambda row: (row["command_offset"], row["loan_id"]))
    counts = Counter(row["loan_id"] for row in waiting)
    return [
        {name: row[name] for name in _WAITING}
        | {
            "loan_count": counts[row["loan_id"]],
            "record_headers": json.loads(row["record_headers"]),
        }
        for row in waiting[: parameters["most"]]
    ]


QUARANTINE_STATEMENTS: Final[dict[str, Callable[[Session, Parameters], Rows]]] = {
    "delete_outgoing_dead_letters": _delete("outgoing_dead_letters"),
    "delete_quarantined_commands": _delete(_TABLE),
    "insert_outgoing_dead_letters": _insert_letters,
    "insert_quarantined_commands": _insert_queued,
    "insert_quarantines": _insert_quarantines,
    "load_outgoing_dead_letters": _load_letters,
    "load_quarantined_keys": _load_keys,
    "load_quarantined_loans": _load_loans,
    "load_waiting": _load_waiting,
    "update_quarantined_commands": _update_queued,
}
