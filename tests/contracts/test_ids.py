"""Ids: the UUIDv8 layout that reads by id, retries and the record format depend on."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from schemas import ids
from schemas.partitioning import MAX_PARTITIONS

KINDS = (
    *(ids.COMMAND, ids.JOURNAL_ENTRY, ids.DISBURSEMENT_EVENT, ids.SETTLEMENT_EVENT),
    *(ids.PAYMENT_EVENT, ids.ALLOCATION_EVENT, ids.RETURN_EVENT, ids.ACCRUAL_EVENT, ids.FEE_EVENT),
    *(ids.WAIVER_EVENT, ids.CHARGE_OFF_EVENT, ids.RECOVERY_EVENT, ids.RESTRUCTURE_EVENT),
    *(ids.REFINANCE_EVENT, ids.REVERSAL_EVENT, ids.ADJUSTMENT_EVENT),
)
PUBLIC_EVENT_IDS = {
    *("disbursement_event_id", "settlement_event_id", "payment_event_id", "allocation_event_id"),
    *("return_event_id", "fee_event_id", "waiver_event_id", "chargeoff_event_id"),
    *("recovery_event_id", "restructure_event_id", "refinance_event_id", "adjustment_event_id"),
    "accrual_event_id",
}
"""As the contract names them (section 3). A reversal's event has no public id."""
TENANT = UUID("7e4a47f0-0000-4000-8000-000000000001")
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
instants = st.integers(0, 253_402_300_799_999).map(lambda ms: EPOCH + timedelta(milliseconds=ms))
keys = st.text(st.characters(min_codepoint=1, exclude_categories=("Cs",)), min_size=1, max_size=40)


def test_an_id_that_was_once_given_out_is_given_out_again() -> None:
    """Pinned: another value would break every reference held outside."""
    derived = ids.derive(
        ids.COMMAND, tenant_id=TENANT, key="first-key", accepted_at=NOON, partition_id=7
    )
    digest = sha256(TENANT.bytes + b"first-key\0command").digest()
    assert derived.bytes[:6] == (1767614400000).to_bytes(6, "big")
    assert derived.bytes[6:8] == bytes([0x80, 0x07])
    assert derived.bytes[8:] == bytes([0x80 | digest[0] & 0x3F]) + digest[1:8]
    assert str(derived) == PINNED


PINNED = "019b8e07-4600-8007-a25a-e74d0e0b0bd8"


@given(
    kind=st.sampled_from(KINDS),
    tenant=st.uuids(),
    key=keys,
    at=instants,
    partition=st.integers(0, ids.IN_PARTS),
)
def test_layout(kind: str, tenant: UUID, key: str, at: datetime, partition: int) -> None:
    one = ids.derive(kind, tenant_id=tenant, key=key, accepted_at=at, partition_id=partition)
    assert one.version == 8
    assert one.variant == "specified in RFC 4122"
    assert ids.partition_in(one) == partition
    assert ids.accepted_at_in(one) == at
    since_1970 = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert one.int >> 80 == since_1970 % 2**48


@given(tenant=st.uuids(), key=keys, at=instants)
def test_the_kinds_of_one_command_get_different_ids(tenant: UUID, key: str, at: datetime) -> None:
    derived = {
        ids.derive(kind, tenant_id=tenant, key=key, accepted_at=at, partition_id=0)
        for kind in KINDS
    }
    assert len(derived) == len(KINDS)


@given(st.lists(st.tuples(st.uuids(), keys, st.sampled_from(KINDS)), unique=True, min_size=2))
def test_tenant_key_and_kind_are_hashed_apart(named: list[tuple[UUID, str, str]]) -> None:
    derived = {
        ids.derive(kind, tenant_id=tenant, key=key, accepted_at=NOON, partition_id=0)
        for tenant, key, kind in named
    }
    assert len(derived) == len(named)


def test_a_key_cannot_borrow_from_its_kind() -> None:
    """`a` + `b_event` and `ab` + `_event` are hashed with the 0x00 in different places."""
    one = ids.derive("b_event", tenant_id=TENANT, key="a", accepted_at=NOON, partition_id=0)
    other = ids.derive("_event", tenant_id=TENANT, key="ab", accepted_at=NOON, partition_id=0)
    assert one != other


def test_ids_sort_by_acceptance() -> None:
    derived = [
        ids.derive(
            ids.COMMAND,
            tenant_id=uuid4(),
            key="k",
            accepted_at=NOON + timedelta(milliseconds=n),
            partition_id=0,
        )
        for n in range(50)
    ]
    assert derived == sorted(derived)


def test_a_uuid_that_is_not_ours_names_no_partition() -> None:
    for foreign in (uuid4(), UUID(int=0), UUID("0190163d-8694-739b-aea5-966c26f8ad91")):
        assert ids.partition_in(foreign) is None


def test_in_parts_is_no_partition() -> None:
    assert ids.IN_PARTS == 0xFFF
    assert ids.IN_PARTS > MAX_PARTITIONS


def test_a_step_knows_its_first_key() -> None:
    assert ids.root_key("batch-1/11/0") == "batch-1"
    assert ids.root_key("batch-1") == "batch-1"
    assert ids.root_key("refinance-1/payoff") == "refinance-1"


def test_events_are_named_as_the_contract_names_them() -> None:
    named = {f"{kind}_id" for kind in KINDS if kind.endswith("_event")}
    assert named == PUBLIC_EVENT_IDS | {"reversal_event_id"}


def test_every_kind_of_id_is_listed_here() -> None:
    declared = {
        value
        for name, value in vars(ids).items()
        if name.isupper() and not name.startswith("_") and isinstance(value, str)
    }
    assert declared == set(KINDS)


def test_what_lives_in_parts_has_one_id_whichever_step_derives_it() -> None:
    keys = ("refinance-1", "refinance-1/payoff", "refinance-1/opening")
    derived = {
        ids.derive(
            ids.REFINANCE_EVENT,
            tenant_id=TENANT,
            key=ids.root_key(key),
            accepted_at=NOON,
            partition_id=ids.IN_PARTS,
        )
        for key in keys
    }
    assert len(derived) == 1
    assert ids.partition_in(derived.pop()) == ids.IN_PARTS
