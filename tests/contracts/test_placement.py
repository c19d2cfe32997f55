"""The partition and record key of every command: who decides it, and in which order with what."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, get_args
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import commands, ids
from schemas.chart_of_accounts import CASH, FEE_INCOME
from schemas.commands import AnyCommand
from schemas.partitioning import NO_LOAN, partition_of_loan, record_key
from schemas.placement import place_of, step_of
from tests import journal
from tests.journal import CR, DR, ENVELOPE, LOAN, SECOND_LOAN, TENANT

COUNT = 21
LOANS_OWN = partition_of_loan(TENANT, LOAN, COUNT)
NEW_LOANS = partition_of_loan(TENANT, SECOND_LOAN, COUNT)
TENANTS_OWN = partition_of_loan(TENANT, NO_LOAN, COUNT)


def id_on(partition_id: int) -> UUID:
    """One of our ids, of something on a partition."""
    return ids.derive(
        ids.JOURNAL_ENTRY,
        tenant_id=TENANT,
        key="some-key",
        accepted_at=datetime(2026, 1, 5, tzinfo=UTC),
        partition_id=partition_id,
    )


NAMED = id_on(7)
BY_LOAN = (LOANS_OWN, record_key(TENANT, LOAN))
BY_NEW_LOAN = (NEW_LOANS, record_key(TENANT, SECOND_LOAN))
BY_ID = (7, record_key(TENANT, NAMED))
TENANT_ITSELF = (TENANTS_OWN, record_key(TENANT, NO_LOAN))

REFINANCE = {f.name: getattr(journal.refinance(), f.name) for f in fields(commands.Refinance)}
MIRROR = {
    f.name: getattr(journal.refinance_reversal(NAMED), f.name)
    for f in fields(commands.RefinanceReversal)
}
OPENING = {"borrower_id": journal.BORROWER, "carried_minor": 1, "currency": "USD"}
LEGS = (DR(CASH, 1), CR(FEE_INCOME, 1))

PLACES: list[tuple[AnyCommand, tuple[int, bytes]]] = [
    (journal.disbursement(1), BY_LOAN),
    (journal.payment(1), BY_LOAN),
    (journal.allocation(1), BY_LOAN),
    (journal.fee(1), BY_LOAN),
    (journal.waiver(1), BY_LOAN),
    (journal.charge_off(), BY_LOAN),
    (journal.recovery(1), BY_LOAN),
    (journal.restructure(fees=1), BY_LOAN),
    (journal.adjustment(*LEGS), BY_LOAN),
    (journal.adjustment(*LEGS, loan_id=None), TENANT_ITSELF),
    (journal.settlement(NAMED), BY_ID),
    (journal.settlement(NAMED, loan_id=LOAN), BY_ID),
    (journal.payment_return(NAMED), BY_ID),
    (journal.reversal(NAMED), BY_ID),
    (journal.reversal(NAMED, loan_id=LOAN), (LOANS_OWN, BY_ID[1])),
    (
        journal.reversal(NAMED, part=2, chunks_total=9, idempotency_key="key/5/2"),
        (5, BY_ID[1]),
    ),
    (journal.accrual({LOAN: 1, SECOND_LOAN: 2}, idempotency_key="key/9/0"), (9, BY_LOAN[1])),
    (commands.Refinance(**REFINANCE), BY_NEW_LOAN),
    (commands.RefinancePayoff(**REFINANCE), BY_LOAN),
    (commands.RefinanceOpening(**REFINANCE | OPENING), BY_NEW_LOAN),
    (
        commands.RefinanceRelease(**ENVELOPE, loan_id=LOAN, new_loan_id=SECOND_LOAN),
        BY_NEW_LOAN,
    ),
    (commands.RefinanceReversal(**MIRROR), BY_NEW_LOAN),
    (commands.PayoffReversal(**MIRROR), BY_LOAN),
    (journal.close("2026-01"), TENANT_ITSELF),
    (
        commands.PeriodClosed(**ENVELOPE, closed_through=journal.OPENED_ON, partition_id=3),
        (3, record_key(TENANT, NO_LOAN)),
    ),
]


@pytest.mark.parametrize(
    ("command", "expected"),
    [pytest.param(*row, id=f"{n}-{type(row[0]).__name__}") for n, row in enumerate(PLACES)],
)
def test_place(command: AnyCommand, expected: tuple[int, bytes]) -> None:
    assert place_of(command, COUNT) == expected


def test_every_command_has_a_place() -> None:
    assert {type(command) for command, _ in PLACES} == set(get_args(AnyCommand))


def test_the_places_of_this_test_differ() -> None:
    """Or it could not tell one from another."""
    assert len({LOANS_OWN, NEW_LOANS, TENANTS_OWN, 3, 5, 7, 9}) == 7


NAMING: list[Any] = [journal.settlement, journal.payment_return, journal.reversal]


@pytest.mark.parametrize("naming", NAMING, ids=lambda x: x.__name__)
def test_an_id_that_cannot_be_ours_goes_to_the_tenants_own_partition(naming: Any) -> None:
    """There it is refused: a version 4 UUID, entries in parts, a partition that is not there."""
    for foreign in (uuid4(), id_on(ids.IN_PARTS), id_on(COUNT), id_on(4094)):
        assert place_of(naming(foreign), COUNT) == TENANT_ITSELF
    assert place_of(naming(id_on(COUNT - 1)), COUNT)[0] == COUNT - 1


@given(loan=st.uuids(), tenant=st.uuids(), count=st.integers(1, 4094))
def test_what_is_about_one_loan_meets_on_one_partition(
    loan: UUID, tenant: UUID, count: int
) -> None:
    """A payment, the payoff of a refinance, the opening by one, one loan's unaccrual."""
    of_loan = {"loan_id": loan, "tenant_id": tenant}
    met = [
        journal.payment(1, **of_loan),
        commands.RefinancePayoff(**REFINANCE | of_loan),
        commands.RefinanceOpening(**REFINANCE | OPENING | of_loan | {"new_loan_id": loan}),
        journal.reversal(NAMED, **of_loan),
    ]
    assert len({place_of(command, count)[0] for command in met}) == 1


def test_a_step_of_a_batch_names_its_partition_and_number() -> None:
    assert step_of("key/11/402") == (11, 402)


@pytest.mark.parametrize(
    "key",
    [
        "key",
        "key/1",
        "key/1/2/3",
        "key/a/1",
        "key/1/-1",
        "key/¹/1",
        "key/12345/1",
        "key/1/12345678",
    ],
)
def test_any_other_key_is_no_step(key: str) -> None:
    assert step_of(key) is None


def test_a_chunk_without_a_step_has_no_place() -> None:
    with pytest.raises(ValueError, match="no step"):
        place_of(journal.accrual(1, idempotency_key="key"), COUNT)
