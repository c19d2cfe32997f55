"""The books of a tenant held against what a client was told: every entry explained, none missing.

A model of accepted requests: each has its entries, and where the request itself says how much, the
entry's debits are that much. What such an entry does to balances is `tests.audit`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import psycopg

ENTRIES: Final = """
    SELECT e.correlation_id::text, array_agg(DISTINCT e.event_type),
        coalesce(sum(j.amount_minor) FILTER (WHERE j.direction = 'DR'), 0)
    FROM hpts.journal_entries AS e JOIN hpts.journal_lines AS j USING (partition_id, entry_seq)
    WHERE e.tenant_id = %s GROUP BY 1"""
KEY_OF: Final = """
    SELECT command_id::text, idempotency_key FROM hpts_edge.idempotency_reservations
    WHERE tenant_id = %s"""


def _amount(body: Mapping[str, Any]) -> int | None:
    return int(body["amount_minor"]) if "amount_minor" in body else None


def _debits(body: Mapping[str, Any]) -> int:
    return sum(int(line["amount_minor"]) for line in body["lines"] if line["direction"] == "DR")


def _capitalized(body: Mapping[str, Any]) -> int:
    return int(body["capitalize_interest_minor"]) + int(body["capitalize_fees_minor"])


SAYS_HOW_MUCH: Final[Mapping[str, tuple[str, Callable[[Mapping[str, Any]], int | None]]]] = {
    "/v1/disbursements": ("disbursement", _amount),
    "/v1/disbursement-settlements": ("disbursement_settled", _amount),
    "/v1/payments": ("payment_received", _amount),
    "/v1/fees": ("fee_assessed", _amount),
    "/v1/fee-waivers": ("fee_waived", _amount),
    "/v1/recoveries": ("recovery", _amount),
    "/v1/restructures": ("restructure", _capitalized),
    "/v1/manual-adjustments": ("manual_adjustment", _debits),
}
"""Path -> the type of its entry, and what its debits must sum to (None: the request is silent)."""
WITHOUT_ENTRY: Final = ("/v1/periods/", "/v1/quarantine/")


@dataclass(frozen=True)
class Accepted:
    """A request that was answered with 200 or 201, or with 202 and then found posted.

    `body` is None where it cannot be said which of several bodies was meant.
    """

    path: str
    body: Mapping[str, Any] | None
    result: Mapping[str, Any]


def unexplained(
    dsn: str,
    tenant_id: str,
    accepted: Mapping[str, Accepted],
    unanswered: Iterable[bytes] = (),
) -> list[str]:
    """What is in the books that nobody was told of, or not there that somebody was.

    `accepted` is by correlation id; `unanswered` are requests whose answer did not come, each as
    it was sent: what they posted is explained by the key that stands in one of them.
    """
    with psycopg.connect(dsn) as connection:
        entries = {
            correlation: (types, int(debited))
            for correlation, types, debited in connection.execute(ENTRIES.encode(), (tenant_id,))
        }
        keys = dict(connection.execute(KEY_OF.encode(), (tenant_id,)).fetchall())
    open_requests = list(unanswered)
    faults = []
    for correlation in entries.keys() - accepted.keys():
        key = keys.get(correlation, "").encode()
        if not key or not any(key in sent for sent in open_requests):
            faults.append(f"nobody was told of {correlation}: {entries[correlation]}")
    for correlation, one in accepted.items():
        faults += _faults_of(correlation, one, entries.get(correlation))
    return faults


def _faults_of(
    correlation: str, one: Accepted, entry: tuple[list[str], int] | None
) -> Iterable[str]:
    path = one.path.partition("?")[0]
    if path.startswith(WITHOUT_ENTRY) or one.result.get("journal_entry_id", "") is None:
        return  # a month's close has no entry, nor has a batch of zeros
    if entry is None:
        yield f"{path}: {correlation} was accepted and has no entry"
        return
    types, debited = entry
    event_type, how_much = SAYS_HOW_MUCH.get(path, ("", lambda _: None))
    if event_type and types != [event_type]:
        yield f"{path}: {correlation} has entries of {types}"
    wanted = None if one.body is None else how_much(one.body)
    if wanted is not None and wanted != debited:
        yield f"{path}: {correlation} says {wanted} and debited {debited}"
