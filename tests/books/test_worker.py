"""What the worker makes of a record: a command, a dead letter with a reason, or a halt."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from posting_engine.records import DeadLetter, Record, UnknownToThisBuild, examine
from schemas import codec, signing
from schemas.codec import Outcome
from schemas.commands import AnyCommand, Command, PeriodClosed
from schemas.partitioning import record_key
from schemas.signing import SigningKey
from schemas.topics import SIGNATURE_HEADER
from tests.books import ledger

KEY = SigningKey("ours-1", b"s" * 32, None, ledger.BEGINNING, None)
OF_ANOTHER_TENANT = SigningKey(
    "theirs-1", b"t" * 32, frozenset({UUID(int=1)}), KEY.valid_from, None
)
RETIRED = SigningKey("old-1", b"o" * 32, None, KEY.valid_from, KEY.valid_from + timedelta(hours=1))
STRANGER = SigningKey("stranger-1", b"x" * 32, None, KEY.valid_from, None)
RING = {key.key_id: key for key in (KEY, OF_ANOTHER_TENANT, RETIRED)}

LOAN = ledger.loan_number(1)
HOME = ledger.owner_of(LOAN)
ELSEWHERE = (HOME + 1) % ledger.PARTITIONS
PAYMENT = ledger.payment("payment:1", LOAN)
AT_HOME = [loan for n in range(40) if ledger.owner_of(loan := ledger.loan_number(n)) == HOME]
CHUNK = ledger.accrual("accrual:1", HOME, AT_HOME[:3], day=31)


def record_of(
    value: bytes | None, *, key: SigningKey = KEY, partition_id: int = HOME, hours: int = 0
) -> Record:
    """A record as a producer that holds `key` would have appended it."""
    headers = ((SIGNATURE_HEADER, signing.sign(key, value or b"")),)
    appended_at = ledger.BEGINNING + timedelta(hours=hours)
    return Record(partition_id, 7, appended_at, record_key(ledger.TENANT, LOAN), value, headers)


def signed(command: AnyCommand, *, partition_id: int = HOME) -> Record:
    return record_of(codec.encode(command), partition_id=partition_id)


def reason_of(record: Record) -> str:
    with pytest.raises(DeadLetter) as letter:
        examine(record, RING, ledger.PARTITIONS)
    return str(letter.value)


def halt_of(record: Record) -> str:
    with pytest.raises(UnknownToThisBuild) as halt:
        examine(record, RING, ledger.PARTITIONS)
    return str(halt.value)


COMMANDS = {
    "disbursement": ledger.disbursement("disbursement:1", LOAN),
    "payment": PAYMENT,
    "accrual": CHUNK,
    "reversal": ledger.reversal("reversal:1", UUID(int=5), loan_id=LOAN),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_a_signed_command_in_its_partition_is_taken_as_it_was_written(command: AnyCommand) -> None:
    assert examine(signed(command), RING, ledger.PARTITIONS) == command


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_a_signed_command_in_another_partition_is_a_dead_letter(command: AnyCommand) -> None:
    reason = reason_of(signed(command, partition_id=ELSEWHERE))
    assert reason == "wrong partition: another one owns what the command names"


def test_a_record_without_one_signature_or_without_a_value_is_unsigned() -> None:
    record = signed(PAYMENT)
    reason = "unsigned: no signature, or no value"
    assert reason_of(replace(record, headers=())) == reason
    assert reason_of(replace(record, headers=((SIGNATURE_HEADER, None),))) == reason
    assert reason_of(replace(record, headers=record.headers * 2)) == reason
    assert reason_of(record_of(None)) == reason


def test_a_key_outside_the_ring_is_foreign_also_when_its_signature_fits() -> None:
    record = record_of(codec.encode(PAYMENT), key=STRANGER)
    assert reason_of(record) == "foreign: the signing key is not in the key ring"


def test_a_key_under_another_keys_name_is_unsigned() -> None:
    record = record_of(codec.encode(PAYMENT), key=replace(STRANGER, key_id=KEY.key_id))
    assert reason_of(record) == "unsigned: the signature does not fit the value"


def test_a_ring_key_writes_for_its_tenants_and_in_its_time_only() -> None:
    value = codec.encode(PAYMENT)
    told = "foreign: key {} may not write for this tenant at this time"
    assert reason_of(record_of(value, key=OF_ANOTHER_TENANT)) == told.format("theirs-1")
    assert examine(record_of(value, key=RETIRED), RING, ledger.PARTITIONS) == PAYMENT
    assert reason_of(record_of(value, key=RETIRED, hours=1)) == told.format("old-1")
    assert reason_of(record_of(value, hours=-1)) == told.format("ours-1")


def test_a_value_changed_in_any_byte_after_signing_is_unsigned() -> None:
    record = signed(PAYMENT)
    value = record.value or b""
    for n in range(len(value)):
        tampered = value[:n] + bytes([value[n] ^ 1]) + value[n + 1 :]
        reason = reason_of(replace(record, value=tampered))
        assert reason == "unsigned: the signature does not fit the value"


def test_signed_garbage_is_undecodable() -> None:
    for garbage in (b"", b"\0", b"\1" + codec.encode(PAYMENT)[1:], b"{}" * 40):
        assert reason_of(record_of(garbage)).startswith("undecodable: ")


def test_a_command_cut_short_or_with_bytes_behind_it_is_undecodable_at_every_length() -> None:
    value = codec.encode(PAYMENT)
    for length in range(len(value)):
        assert reason_of(record_of(value[:length])).startswith("undecodable: ")
    assert reason_of(record_of(value + b"\0")) == "undecodable: bytes follow the record"


def test_a_signed_outcome_is_no_command() -> None:
    outcome = Outcome(
        tenant_id=ledger.TENANT,
        command_id=UUID(int=2),
        correlation_id=UUID(int=3),
        idempotency_key="payment:1",
        fingerprint=b"f" * 32,
        status="posted",
        result="{}",
        partition_id=HOME,
        command_offset=7,
    )
    assert reason_of(record_of(codec.encode(outcome))) == "not a command: an outcome"


def test_a_signed_record_of_a_newer_build_halts_and_an_unsigned_one_does_not() -> None:
    newer = b"\0" + (99).to_bytes(4, "big") + codec.encode(PAYMENT)[5:]
    assert halt_of(record_of(newer)) == (
        "schema id 99 is not in schemas.lock: run a build that knows it"
    )
    assert reason_of(replace(record_of(newer), headers=())).startswith("unsigned: ")
    assert reason_of(record_of(newer, key=STRANGER)).startswith("foreign: ")
    withdrawn = record_of(newer, key=RETIRED, hours=1)
    assert reason_of(withdrawn) == "foreign: key old-1 is not valid at this time"


def test_rules_or_a_waterfall_of_a_newer_build_halt() -> None:
    assert halt_of(signed(replace(PAYMENT, rules_version=99))) == (
        "rules version 99 is unknown: run a build that knows it"
    )
    assert halt_of(signed(replace(PAYMENT, waterfall_version=99))) == (
        "waterfall version 99 is unknown: run a build that knows it"
    )


WITH_A_NUL = {
    "key": replace(PAYMENT, idempotency_key="payment\0:1"),
    "actor": replace(PAYMENT, actor="a\0"),
    "description": replace(PAYMENT, description="\0"),
    "external_ref": replace(PAYMENT, external_ref="x\0y"),
    "metadata name": replace(PAYMENT, metadata={"a\0": "b"}),
    "metadata value": replace(PAYMENT, metadata={"a": "b\0"}),
    "destination_ref": replace(ledger.disbursement("disbursement:1", LOAN), destination_ref="\0"),
}


@pytest.mark.parametrize("command", WITH_A_NUL.values(), ids=WITH_A_NUL.keys())
def test_a_text_that_postgres_cannot_keep_is_malformed(command: AnyCommand) -> None:
    assert reason_of(signed(command)) == "malformed: U+0000 in a text"


LONG = "x" * 256
WITH_TOO_MUCH = {
    "key": (replace(PAYMENT, idempotency_key=LONG), "a text has more than 255 characters"),
    "key of a step": (
        replace(CHUNK, idempotency_key=f"{LONG}/{HOME}/0"),
        "a text has more than 255 characters",
    ),
    "actor": (replace(PAYMENT, actor=LONG), "a text has more than 255 characters"),
    "external_ref": (replace(PAYMENT, external_ref=LONG), "a text has more than 255 characters"),
    "text equal to the key": (
        replace(PAYMENT, idempotency_key=LONG, external_ref=LONG),
        "a text has more than 255 characters",
    ),
    "metadata": (
        replace(PAYMENT, metadata={str(n): "" for n in range(51)}),
        "metadata is larger than ingress takes",
    ),
    "metadata name": (
        replace(PAYMENT, metadata={"x" * 41: ""}),
        "metadata is larger than ingress takes",
    ),
    "metadata value": (
        replace(PAYMENT, metadata={"x": "x" * 501}),
        "metadata is larger than ingress takes",
    ),
}


@pytest.mark.parametrize("case", WITH_TOO_MUCH)
def test_a_text_that_no_index_of_postgres_holds_is_malformed(case: str) -> None:
    command, fault = WITH_TOO_MUCH[case]
    assert reason_of(signed(command)) == f"malformed: {fault}"


def test_a_step_that_closes_a_month_before_its_end_is_malformed() -> None:
    """Nothing could be booked after the last month of all, nor a month be opened again."""
    closed = PeriodClosed(
        **{name: getattr(PAYMENT, name) for name in Command.__slots__},
        closed_through=date(9999, 12, 31),
        partition_id=HOME,
    )
    closed = replace(closed, idempotency_key=f"close:1/{HOME}")
    assert reason_of(signed(closed)) == "malformed: it closes a month that has not ended"
    ended = replace(closed, closed_through=date(2025, 12, 31))
    assert examine(signed(ended), RING, ledger.PARTITIONS) == ended


PAYMENTS_WITHOUT_SENSE = {
    "amount_minor out of range": (
        replace(PAYMENT, amount_minor=0),
        replace(PAYMENT, amount_minor=-1),
        replace(PAYMENT, amount_minor=10**15),
    ),
    "currency is not three capital letters": (
        replace(PAYMENT, currency="usd"),
        replace(PAYMENT, currency="USD\n"),
        replace(PAYMENT, currency=""),
    ),
    "allocation is neither auto nor hold": (replace(PAYMENT, allocation="none"),),  # type: ignore[arg-type]
    "accepted_at is before 1970": (
        replace(PAYMENT, accepted_at=datetime(1969, 12, 31, tzinfo=UTC)),
    ),
    "the key is not that of such a step": (replace(PAYMENT, idempotency_key="payment:1/0/0"),),
}


@pytest.mark.parametrize("fault", PAYMENTS_WITHOUT_SENSE)
def test_a_payment_that_makes_no_sense_is_malformed(fault: str) -> None:
    for command in PAYMENTS_WITHOUT_SENSE[fault]:
        assert reason_of(signed(command)) == f"malformed: {fault}"


def packed(*amounts: int) -> bytes:
    return b"".join(amount.to_bytes(8, "big", signed=True) for amount in amounts)


FIRST, SECOND, THIRD = (loan.bytes for loan in sorted(AT_HOME[:3]))
CHUNKS_WITHOUT_SENSE = {
    "loan_ids is not 1 to 5,000 ids": (
        replace(CHUNK, loan_ids=b"", principals=b"", interests=b""),
        replace(CHUNK, loan_ids=CHUNK.loan_ids[:-1]),
        replace(CHUNK, loan_ids=bytes(16 * 5_001)),
    ),
    "the arrays differ in length": (
        replace(CHUNK, principals=CHUNK.principals[:-8]),
        replace(CHUNK, interests=CHUNK.interests + packed(5)),
    ),
    "loan_ids do not ascend": (
        replace(CHUNK, loan_ids=SECOND + FIRST + THIRD),
        replace(CHUNK, loan_ids=FIRST + SECOND + SECOND),
    ),
    "an amount is out of range": (
        replace(CHUNK, principals=packed(1, 2, -1)),
        replace(CHUNK, interests=packed(1, 10**15, 3)),
    ),
    "a chunk without its manifest": (replace(CHUNK, chunks_total=0),),
    "chunks_total is more than 5000000": (replace(CHUNK, chunks_total=2**31),),
    "the key is no step of a batch": (
        replace(CHUNK, idempotency_key="accrual:1"),
        replace(CHUNK, idempotency_key=f"accrual:1/{HOME}/x"),
        replace(CHUNK, idempotency_key=f"accrual:1/{HOME}/0/0"),
    ),
}


@pytest.mark.parametrize("fault", CHUNKS_WITHOUT_SENSE)
def test_a_chunk_that_makes_no_sense_is_malformed(fault: str) -> None:
    for command in CHUNKS_WITHOUT_SENSE[fault]:
        assert reason_of(signed(command)) == f"malformed: {fault}"


def test_a_chunk_with_one_loan_of_another_partition_is_in_the_wrong_partition() -> None:
    away = next(loan for n in range(40) if ledger.owner_of(loan := ledger.loan_number(n)) != HOME)
    chunk = ledger.accrual("accrual:1", HOME, [*AT_HOME[:2], away], day=31)
    assert reason_of(signed(chunk)).startswith("wrong partition: ")
