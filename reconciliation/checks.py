"""The checks: each compares one thing of the books, in a snapshot, with what the events add up to.

A check answers with what it found and with what it covered, so that what stood from earlier and
was not found again is known to be well. Runs in a thread; while it does, no tally changes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from reconciliation.findings import MOST_NAMED, Finding, Kind, Standing
from reconciliation.store import Snapshot
from reconciliation.tallies import (
    ACCOUNT_OF,
    BALANCES,
    CLEARING,
    NOTHING,
    SUB_BALANCES,
    Day,
    Tally,
    open_clearing,
)

Covers = Callable[[Standing], bool]


@dataclass(slots=True)
class Checked:
    """What a check found, what it covered, and how much it looked at."""

    findings: list[Finding]
    covers: Covers
    counts: dict[str, Any] = field(default_factory=dict)
    rollups: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Books:
    """What a check compares: the snapshot, and the tallies at its very positions."""

    snapshot: Snapshot
    tallies: Mapping[int, Tally]
    """Of the partitions that can be compared."""
    reached_at: datetime
    """All partitions have applied everything up to this instant."""


def loans(books: Books) -> Checked:
    """Every loan's sub-balances."""
    counted, found = 0, []
    for partition_id, tally in books.tallies.items():
        seen_count = 0
        for tenant, loan, *balances in books.snapshot.stream(
            "stream_loans", partition_id=partition_id
        ):
            counted += 1
            known = tally.loans.get(tenant + loan)
            seen_count += known is not None
            if BALANCES.pack(*balances) != (known or NOTHING):
                found.append((partition_id, tenant, loan, known or NOTHING, tuple(balances)))
        if seen_count != len(tally.loans):
            found += _loans_missing(books.snapshot, tally)
    findings = first_named(
        Kind.LOAN_BALANCE, (one for each in found for one in _loan_findings(*each))
    )
    return Checked(findings, covers_all(Kind.LOAN_BALANCE, findings, books), {"loans": counted})


def _loans_missing(snapshot: Snapshot, tally: Tally) -> list[tuple[Any, ...]]:
    rows = snapshot.stream("stream_loans", partition_id=tally.partition_id)
    there = {tenant + loan for tenant, loan, *_ in rows}
    return [
        (tally.partition_id, key[:16], key[16:], packed, None)
        for key, packed in tally.loans.items()
        if key not in there
    ]


def _loan_findings(
    partition_id: int, tenant: bytes, loan: bytes, packed: bytes, found: tuple[int, ...] | None
) -> Iterator[Finding]:
    tenant_id, loan_id = UUID(bytes=tenant), UUID(bytes=loan)
    for place, expected_minor in enumerate(BALANCES.unpack(packed)):
        found_minor = None if found is None else found[place]
        if found_minor == expected_minor:
            continue
        name = SUB_BALANCES[place]
        told = "is missing" if found is None else f"has {name} {found_minor}"
        yield Finding(
            kind=Kind.LOAN_BALANCE,
            subject=f"{Kind.LOAN_BALANCE}/{tenant_id}/{loan_id}/{name}",
            tenant_id=tenant_id,
            partition_id=partition_id,
            loan_id=loan_id,
            account_code=ACCOUNT_OF[name],
            expected=str(expected_minor),
            found=None if found_minor is None else str(found_minor),
            detail=f"loan {loan_id} {told}; its entries add up to {expected_minor}",
        )


def account_days(books: Books) -> Checked:
    """Every day total of every account."""
    counted, findings = 0, []
    for partition_id, tally in books.tallies.items():
        there: dict[Day, list[int]] = {}
        rows = books.snapshot.stream("stream_days", partition_id=partition_id)
        for *key, debit_minor, credit_minor in rows:
            there[tuple(key)] = [int(debit_minor), int(credit_minor)]
        counted += len(there)
        for day in there.keys() | tally.days.keys():
            found, expected = there.get(day), tally.days.get(day, [0, 0])
            if (found or [0, 0]) != expected or found is None:
                findings.append(_day_finding(partition_id, day, expected, found))
    named = first_named(Kind.ACCOUNT_DAY, findings)
    return Checked(named, covers_all(Kind.ACCOUNT_DAY, named, books), {"account_days": counted})


def _day_finding(
    partition_id: int, day: Day, expected: list[int], found: list[int] | None
) -> Finding:
    tenant, account_code, currency, layer, booked_on, posted_on = day
    told = "is missing" if found is None else f"is DR {found[0]} CR {found[1]}"
    wanted = f"DR {expected[0]} CR {expected[1]}"
    tenant_id = UUID(bytes=tenant)
    place = (partition_id, tenant_id, account_code, currency, layer, booked_on, posted_on)
    return Finding(
        kind=Kind.ACCOUNT_DAY,
        subject="/".join([Kind.ACCOUNT_DAY, *map(str, place)]),
        tenant_id=tenant_id,
        partition_id=partition_id,
        account_code=account_code,
        currency=currency,
        layer=layer,
        booked_on=booked_on,
        expected=wanted,
        found=None if found is None else f"DR {found[0]} CR {found[1]}",
        detail=f"the total of account {account_code} booked on {booked_on}, posted on {posted_on}, "
        f"{told} in partition {partition_id}; its entries add up to {wanted}",
    )


def portfolio(books: Books) -> Checked:
    """Account 1100 of each tenant against the principal of its loans."""
    rows = books.snapshot.rows("sum_principal")
    findings = [
        _rollup_finding(row)
        for row in rows
        if row["gl_principal_minor"] != row["loans_principal_minor"]
    ]
    named = first_named(Kind.ROLLUP, findings)
    return Checked(named, covers_all(Kind.ROLLUP, named), {"portfolios": len(rows)}, rows)


def _rollup_finding(row: Mapping[str, Any]) -> Finding:
    tenant_id, currency = UUID(bytes=row["tenant_id"]), row["currency"]
    gl_minor, loans_minor = int(row["gl_principal_minor"]), int(row["loans_principal_minor"])
    return Finding(
        kind=Kind.ROLLUP,
        subject=f"{Kind.ROLLUP}/{tenant_id}/{currency}",
        tenant_id=tenant_id,
        account_code=ACCOUNT_OF["principal"],
        currency=currency,
        expected=str(gl_minor),
        found=str(loans_minor),
        detail=f"account 1100 stands at {gl_minor} {currency}; the loans' principal is "
        f"{loans_minor}",
    )


def clearing(books: Books, *, before: datetime) -> Checked:
    """Account 2200, request by request: zero once the steps are done. Those younger than `before`
    may be under way.
    """
    findings = [
        Finding(
            kind=Kind.CLEARING,
            subject=f"{Kind.CLEARING}/{UUID(bytes=tenant)}/{correlation_id}/{currency}",
            tenant_id=UUID(bytes=tenant),
            loan_id=one.loan_id,
            account_code=CLEARING,
            currency=currency,
            expected="0",
            found=str(one.open_minor),
            detail=f"request {correlation_id} left {one.open_minor} {currency} on account 2200, "
            f"since {one.since.isoformat()}: a step of a refinance has not posted",
        )
        for (tenant, correlation_id, currency), one in open_clearing(books.tallies.values()).items()
        if one.since < before
    ]
    named = first_named(Kind.CLEARING, findings)
    return Checked(named, covers_all(Kind.CLEARING, named))


def keys(books: Books) -> Checked:
    """Idempotency keys that have posted on two partitions."""
    findings = []
    for row in books.snapshot.rows("find_keys_twice"):
        tenant_id, key = UUID(bytes=row["tenant_id"]), row["idempotency_key"]
        findings.append(
            Finding(
                kind=Kind.KEY_TWICE,
                subject=f"{Kind.KEY_TWICE}/{tenant_id}/{key}",
                tenant_id=tenant_id,
                partition_id=row["partition_ids"][0],
                found=", ".join(map(str, row["partition_ids"])),
                detail=f"the idempotency key {key!r} has posted on partitions "
                f"{row['partition_ids']}: a direct producer has used it twice",
            )
        )
    named = first_named(Kind.KEY_TWICE, findings)
    return Checked(named, covers_all(Kind.KEY_TWICE, named))


def first_named(kind: Kind, findings: Iterable[Finding]) -> list[Finding]:
    """The first of them, and one that says how many more there are."""
    each = iter(findings)
    named = list(islice(each, MOST_NAMED))
    if more_count := sum(1 for _ in each):
        more = f"{more_count} more findings of kind {kind} are not named"
        named.append(Finding(kind=Kind.MORE, subject=f"{Kind.MORE}/{kind}", detail=more))
    return named


def covers_all(kind: Kind, findings: Iterable[Finding], books: Books | None = None) -> Covers:
    """A check of all there is covers everything of its kind, unless some was left unnamed."""
    is_all_named = all(one.kind is not Kind.MORE for one in findings)
    partitions = None if books is None else books.tallies.keys()

    def covers(standing: Standing) -> bool:
        is_more = standing.subject == f"{Kind.MORE}/{kind}"
        is_of_kind = standing.kind == kind and (
            partitions is None or standing.partition_id in partitions
        )
        return is_all_named and (is_more or is_of_kind)

    return covers
