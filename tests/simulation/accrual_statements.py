"""The statements of the accrual lane, which take and give packed arrays; see `statements`.

Packing and unpacking is done here value by value, with nothing of the engine's.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from struct import calcsize, pack, unpack_from
from typing import Any, Final
from uuid import UUID

from posting_engine.packed import PackedArray
from tests.simulation.server import KEYS, Row, Session

Parameters = Mapping[str, Any]
Check = Callable[[str, Row], None]

DAY_ZERO: Final = date(2000, 1, 1)
INSTANT_ZERO: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MINUS_INFINITY: Final = -(2**31)
_UUID, _BIGINT, _SMALLINT, _DATE, _TIMESTAMPTZ = 2950, 20, 21, 1082, 1184
_INTEGER, _TEXT, _TID = 23, 25, 27
_READ: Final[dict[int, tuple[str, Callable[[Any], Any]]]] = {
    _UUID: (">16s", lambda value: UUID(bytes=value)),
    _BIGINT: (">q", int),
    _SMALLINT: (">h", int),
    _DATE: (">i", lambda days: DAY_ZERO + timedelta(days=days)),
    _TID: (">6s", bytes),
    _TIMESTAMPTZ: (">q", lambda us: INSTANT_ZERO + timedelta(microseconds=us)),
}
_AMOUNTS: Final = (
    *("principal", "interest", "fees", "suspense", "unsettled"),
    *(f"collected_{name}" for name in ("principal", "interest", "fees")),
    "recovered",
    *(f"paid_off_{name}" for name in ("principal", "interest", "fees")),
)
_STANDING: Final = ("openings", "payments", "charge_offs", "refinances")


def unpacked(array: PackedArray) -> list[Any]:
    """The values of an array parameter, as Postgres reads them."""
    dimensions, has_nulls, kind, count, lower = unpack_from(">iiIii", array.data)
    assert (dimensions, has_nulls, count, lower) == (1, 0, len(array), 1)
    layout, read = _READ[kind]
    width, place, values = calcsize(layout), 20, []
    for _ in range(count):
        assert unpack_from(">i", array.data, place) == (width,)
        values.append(read(unpack_from(layout, array.data, place + 4)[0]))
        place += 4 + width
    assert place == len(array.data)
    return values


def packed_loan(place: int, row: Mapping[str, Any]) -> bytes:
    """What `record_send` makes of a loan in `load_accruing_loans`."""
    through = row["accrued_through"]
    active_us = (row["last_activity_at"] - INSTANT_ZERO) // timedelta(microseconds=1)
    columns = [
        (_BIGINT, pack(">q", place)),
        (_TID, pack(">Ih", 0, place)),
        (_UUID, row["borrower_id"].bytes),
        (_TEXT, row["currency"].encode()),
        (_DATE, pack(">i", (row["opened_on"] - DAY_ZERO).days)),
        (_TIMESTAMPTZ, pack(">q", active_us)),
        *((_BIGINT, pack(">q", row[f"{name}_minor"])) for name in _AMOUNTS),
        *((_INTEGER, pack(">i", row[f"standing_{name}"])) for name in _STANDING),
        (_DATE, pack(">i", _MINUS_INFINITY if through is None else (through - DAY_ZERO).days)),
        (_INTEGER, pack(">i", row["life"])),
        (_BIGINT, pack(">q", row["life_began_seq"])),
        (_BIGINT, pack(">q", row["version"])),
    ]
    sent = (pack(">Ii", kind, len(value)) + value for kind, value in columns)
    return pack(">i", len(columns)) + b"".join(sent)


def load_accruing_loans(session: Session, parameters: Parameters) -> list[Row]:
    owner = (parameters["partition_id"], parameters["tenant_id"])
    found = b"".join(
        packed_loan(place, row)
        for place, loan_id in enumerate(unpacked(parameters["loan_ids"]), start=1)
        if (row := session.get("loans", (*owner, loan_id))) is not None
    )
    return [{"packed": found or None}]


def accrue_loans(check: Check) -> Callable[[Session, Parameters], list[Row]]:
    def accrue(session: Session, parameters: Parameters) -> list[Row]:
        written = []
        for change in rows_of(parameters):
            read_version = change.pop("read_version")
            del change["row_id"]
            key = tuple(change[name] for name in KEYS["loans"])
            found = session.get("loans", key)
            if found is None or found["version"] != read_version:
                continue
            row = found | change | {"version": read_version + 1}
            row["status"] = parameters["statuses"][change["status"] - 1]
            check("loans", row)
            session.put("loans", row)
            written.append(row)
        return written

    return accrue


def insert_debits(check: Check) -> Callable[[Session, Parameters], list[Row]]:
    def insert(session: Session, parameters: Parameters) -> list[Row]:
        for sequence, row in enumerate(rows_of(parameters), start=1):
            line = row | {"sequence": sequence, "external_ref": None}
            check("journal_lines", line)
            session.insert("journal_lines", line)
        return []

    return insert


def rows_of(parameters: Parameters) -> list[Row]:
    """One row an element of the arrays, with what all have in common."""
    arrays = {n: unpacked(v) for n, v in parameters.items() if isinstance(v, PackedArray)}
    same = {n: v for n, v in parameters.items() if n not in arrays and n != "statuses"}
    return [
        same | dict(zip(arrays, values, strict=True))
        for values in zip(*arrays.values(), strict=True)
    ]
