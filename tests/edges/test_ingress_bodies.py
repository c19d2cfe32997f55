"""Bodies to commands: every fault at once, and one fingerprint for one meaning."""

import json
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress_api import accrual_batches
from ingress_api.bodies import (
    DISBURSEMENTS,
    PAYMENTS,
    REVERSALS,
    Envelope,
    Operation,
    check,
    fingerprint,
    place_of,
)
from schemas import ids
from schemas.partitioning import partition_of_key
from schemas.problems import FieldError, Problem, ProblemError
from schemas.strict_json import parse
from tests.edges import bodies_of

TODAY = date(2026, 11, 24)
OPERATIONS = {one.path: one for one in (DISBURSEMENTS, PAYMENTS, REVERSALS)}
TENANT = UUID("11111111-2222-4333-8444-555555555555")

NOT_MONEY: list[Any] = [
    "", " ", "00", "01", "-1", "+1", "1.0", "1.", ".5", "1e3", "1E3", "1_000", "1,000", " 1", "1 ",
    "1\n", "\t1", "0x10", "0b1", "1L", "١", "１", "१२", "²", "Ⅷ", "NaN", "Infinity", "null", "true",
    "1000000000000000000", "9" * 400, "-0", "--1", "1-", "$1", "1USD", "1 000", "1\u00a0000",
    "\u200b1", "1\u200b", "１00", "1'000", "٣٤", "1/2", "1e400",
    1, 0, -1, 1.0, 1.5, 10**20, True, False, None, [], {}, ["1"], {"amount": "1"},
]  # fmt: skip
AMOUNT_FIELDS = [
    ("/v1/disbursements", "/amount_minor"),
    ("/v1/payments", "/amount_minor"),
    ("/v1/accruals/batch", "/loans/0/interest_minor"),
    ("/v1/accruals/batch", "/loans/0/outstanding_principal_minor"),
    ("/v1/accruals/batch", "/expected_total_minor"),
]


def read(path: str, body: Any) -> object:
    document = parse(json.dumps(body).encode())
    if path == accrual_batches.PATH:
        return accrual_batches.read_batch(document, TODAY, None)
    return check(document, OPERATIONS[path].members, TODAY)


def faults_of(path: str, body: Any) -> list[tuple[str, str]]:
    with pytest.raises(ProblemError) as refused:
        read(path, body)
    problem = refused.value.problem
    assert (problem.code, problem.status) == ("validation_failed", 422)
    return [(error.field, error.code) for error in problem.errors]


def put(body: Any, pointer: str, value: Any) -> Any:
    *parents, last = pointer.split("/")[1:]
    place = body
    for name in parents:
        place = place[int(name)] if isinstance(place, list) else place[name]
    place[last] = value
    return body


@pytest.mark.parametrize("spelling", NOT_MONEY, ids=repr)
@pytest.mark.parametrize(("path", "pointer"), AMOUNT_FIELDS)
def test_only_digits_in_a_string_are_money(path: str, pointer: str, spelling: Any) -> None:
    faults = faults_of(path, put(bodies_of.SOUND[path](), pointer, spelling))
    code = "invalid_format" if isinstance(spelling, str) else "invalid_type"
    assert faults == [(pointer, code)]


@pytest.mark.parametrize(("path", "pointer"), AMOUNT_FIELDS[:4])
def test_one_amount_is_at_most_fifteen_nines(path: str, pointer: str) -> None:
    assert read(path, put(bodies_of.SOUND[path](), pointer, "9" * 15))
    too_much = put(bodies_of.SOUND[path](), pointer, "1" + "0" * 15)
    assert faults_of(path, too_much) == [(pointer, "amount_out_of_range")]


@pytest.mark.parametrize(("path", "pointer"), AMOUNT_FIELDS[:2])
def test_a_posting_amount_is_not_zero(path: str, pointer: str) -> None:
    body = put(bodies_of.SOUND[path](), pointer, "0")
    assert faults_of(path, body) == [(pointer, "amount_out_of_range")]


@pytest.mark.parametrize("path", bodies_of.SOUND)
def test_every_required_member_is_asked_for_and_no_other_is_taken(path: str) -> None:
    required = set(bodies_of.SOUND[path]()) - {"currency"}
    faults = faults_of(path, {"surprise": 1, "a/b~c": 2})
    assert {("/surprise", "unknown_field"), ("/a~1b~0c", "unknown_field")} <= set(faults)
    assert {(f"/{name}", "required") for name in required} <= set(faults)


@pytest.mark.parametrize("path", bodies_of.SOUND)
@pytest.mark.parametrize("body", [[], "text", 1, None, True, 1.5], ids=repr)
def test_a_body_is_an_object(path: str, body: Any) -> None:
    assert faults_of(path, body) == [("", "invalid_type")]


@pytest.mark.parametrize("path", bodies_of.SOUND)
def test_every_member_refuses_every_wrong_type(path: str) -> None:
    wrong: list[Any] = [None, 1, 1.5, True, [], {}, "", "x" * 300]
    for name in bodies_of.SOUND[path]():
        for value in wrong:
            assert faults_of(path, {**bodies_of.SOUND[path](), name: value})


WRONG_TEXTS = [
    ("loan_id", "not-a-uuid", "invalid_format"),
    ("loan_id", "{11111111-2222-4333-8444-555555555555}", "invalid_format"),
    ("loan_id", "11111111222243338444555555555555", "invalid_format"),
    ("loan_id", "urn:uuid:11111111-2222-4333-8444-555555555555", "invalid_format"),
    ("loan_id", "11111111-2222-4333-8444-55555555555٥", "invalid_format"),
    ("loan_id", "00000000-0000-0000-0000-000000000000", "invalid_value"),
    ("currency", "usd", "currency_unknown"),
    ("currency", "ZZZ", "currency_unknown"),
    ("currency", "XAU", "currency_unknown"),
    ("currency", "US", "currency_unknown"),
    ("effective_at", "2026-02-30", "invalid_format"),
    ("effective_at", "2026-2-3", "invalid_format"),
    ("effective_at", "20260203", "invalid_format"),
    ("effective_at", "2026-W05-1", "invalid_format"),
    ("effective_at", "２026-02-03", "invalid_format"),
    ("effective_at", "2026-02-03T00:00:00Z", "invalid_format"),
    ("effective_at", "0000-01-01", "invalid_format"),
    ("effective_at", "2026-12-26", "effective_date_out_of_range"),
    ("effective_at", "9999-12-31", "effective_date_out_of_range"),
    ("source_method", "ACH", "invalid_value"),
    ("description", "", "invalid_length"),
    ("description", "x" * 256, "invalid_length"),
    ("description", "a\u0000b", "invalid_format"),
    ("external_ref", 7, "invalid_type"),
    ("metadata", [], "invalid_type"),
    ("metadata", {str(i): "" for i in range(51)}, "invalid_length"),
    ("allocation", "none", "invalid_value"),
]


@pytest.mark.parametrize(("name", "value", "code"), WRONG_TEXTS)
def test_what_a_payment_refuses(name: str, value: Any, code: str) -> None:
    body = {**bodies_of.payment(), name: value}
    assert faults_of("/v1/payments", body) == [(f"/{name}", code)]


@pytest.mark.parametrize(
    ("metadata", "pointer", "code"),
    [
        ({"k" * 41: "v"}, "/metadata/" + "k" * 41, "invalid_length"),
        ({"k": "v" * 501}, "/metadata/k", "invalid_length"),
        ({"k": 1}, "/metadata/k", "invalid_type"),
        ({"k": None}, "/metadata/k", "invalid_type"),
        ({"k\u0000": "v"}, "/metadata/k\u0000", "invalid_format"),
    ],
)
def test_metadata_is_bounded(metadata: Any, pointer: str, code: str) -> None:
    body = {**bodies_of.payment(), "metadata": metadata}
    assert faults_of("/v1/payments", body) == [(pointer, code)]


def test_the_latest_effective_day_is_31_days_ahead() -> None:
    body = bodies_of.payment()
    body["effective_at"] = (TODAY + timedelta(days=31)).isoformat()
    assert read("/v1/payments", body)


def test_every_fault_is_listed_at_once() -> None:
    body = bodies_of.payment() | {"amount_minor": 1, "currency": "usd", "extra": 1}
    del body["borrower_id"]
    assert set(faults_of("/v1/payments", body)) == {
        ("/borrower_id", "required"),
        ("/amount_minor", "invalid_type"),
        ("/currency", "currency_unknown"),
        ("/extra", "unknown_field"),
    }


def shuffled(body: dict[str, Any], seed: int) -> dict[str, Any]:
    names = list(body)
    random.Random(seed).shuffle(names)
    return {name: body[name] for name in names}


def respelled(body: Any, seed: int) -> bytes:
    """The same body with other member order, white space, escapes and case of ids."""
    other = shuffled(body, seed)
    for name in ("loan_id", "borrower_id", "reverses_entry_id", "program_id"):
        if name in other:
            other[name] = other[name].upper() if seed % 2 else other[name].lower()
    return json.dumps(other, indent=seed % 4 or None, ensure_ascii=bool(seed % 3)).encode()


def print_of(path: str, body: bytes) -> bytes:
    if path == accrual_batches.PATH:
        return accrual_batches.read_batch(parse(body), TODAY, None).digest
    return fingerprint(f"POST {path}", check(parse(body), OPERATIONS[path].members, TODAY))


TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20
)


@given(st.sampled_from(list(OPERATIONS)), TEXTS, st.integers(0, 23))
def test_spelling_does_not_change_a_fingerprint(path: str, words: str, seed: int) -> None:
    body = bodies_of.SOUND[path]() | {"description": words, "metadata": {words: words, "a": "b"}}
    assert print_of(path, respelled(body, seed)) == print_of(path, json.dumps(body).encode())


@given(st.sampled_from(list(OPERATIONS)), TEXTS, TEXTS)
def test_another_meaning_is_another_fingerprint(path: str, one: str, other: str) -> None:
    body = bodies_of.SOUND[path]()
    prints = [
        print_of(path, json.dumps(body | {"description": words}).encode()) for words in (one, other)
    ]
    assert (prints[0] == prints[1]) == (one == other)


def test_a_default_that_is_given_is_another_payload() -> None:
    body = bodies_of.payment()
    given_too = body | {"allocation": "auto"}
    path = "/v1/payments"
    assert print_of(path, json.dumps(body).encode()) != print_of(
        path, json.dumps(given_too).encode()
    )


def test_two_routes_never_share_a_fingerprint() -> None:
    assert fingerprint("POST /v1/payments", {}) != fingerprint("POST /v1/disbursements", {})


def test_a_fingerprint_is_the_same_for_ever() -> None:
    values = check(
        parse(json.dumps(bodies_of.payment(TENANT, TENANT)).encode()), PAYMENTS.members, TODAY
    )
    assert fingerprint("POST /v1/payments", values).hex() == PINNED


PINNED = "193614e9b6b2d91c553f8e00a6bbd8a24f28ad23e42e2a7bc1253edda6d19d02"


def envelope(key: str = "accrual:prog_7:2026-01-31") -> Envelope:
    return Envelope(
        tenant_id=TENANT,
        idempotency_key=key,
        fingerprint=bytes(32),
        accepted_at=datetime(2026, 2, 1, tzinfo=UTC),
        actor="client",
    )


def test_a_batch_is_cut_into_sorted_chunks_of_one_partition_each() -> None:
    loans = [uuid4() for _ in range(3_000)]
    body = bodies_of.accrual(*loans)
    batch = accrual_batches.read_batch(parse(json.dumps(body).encode()), TODAY, None)
    steps = accrual_batches.steps_of(batch, envelope(), 2)
    seen: list[bytes] = []
    for step in steps:
        chunk = step.command
        packed = [chunk.loan_ids[i : i + 16] for i in range(0, len(chunk.loan_ids), 16)]
        assert packed == sorted(packed)
        assert len(packed) <= accrual_batches.CHUNK_LOANS
        assert {partition_of_key(TENANT.bytes + one, 2) for one in packed} == {step.partition_id}
        assert step.record_key == TENANT.bytes + packed[0]
        assert (chunk.chunks_total, chunk.loans_total) == (len(steps), 3_000)
        assert chunk.interest_total_minor == 3_000 * 822
        seen += packed
    assert sorted(seen) == sorted(loan.bytes for loan in loans)
    assert len({step.idempotency_key for step in steps}) == len(steps)


def test_a_loan_listed_twice_refuses_the_batch() -> None:
    loan = uuid4()
    body = bodies_of.accrual(loan, uuid4(), loan)
    body["loans"][2]["loan_id"] = str(loan).upper()
    assert faults_of(accrual_batches.PATH, body) == [("/loans/2/loan_id", "duplicate_loan")]


@pytest.mark.parametrize(
    ("name", "value", "is_sound"),
    [
        ("expected_loan_count", 1, True),
        ("expected_loan_count", 2, False),
        ("expected_loan_count", 0, False),
        ("expected_total_minor", "822", True),
        ("expected_total_minor", "821", False),
    ],
)
def test_a_manifest_that_differs_refuses_the_batch(name: str, value: Any, is_sound: bool) -> None:
    body = bodies_of.accrual() | {name: value}
    if is_sound:
        assert read(accrual_batches.PATH, body)
        return
    with pytest.raises(ProblemError) as refused:
        read(accrual_batches.PATH, body)
    assert refused.value.problem.code == "manifest_mismatch"


@pytest.mark.parametrize("value", [1.0, "1", True, None, -1, 2**60], ids=repr)
def test_a_count_is_a_whole_number(value: Any) -> None:
    body = bodies_of.accrual() | {"expected_loan_count": value}
    assert len(faults_of(accrual_batches.PATH, body)) == 1


def test_faults_of_loans_are_named_by_place() -> None:
    body = bodies_of.accrual(uuid4(), uuid4(), uuid4())
    body["loans"][0] = 7
    body["loans"][1]["interest_minor"] = "1.5"
    body["loans"][1]["extra"] = 1
    del body["loans"][2]["loan_id"]
    assert faults_of(accrual_batches.PATH, body) == [
        ("/loans/0", "invalid_type"),
        ("/loans/1/interest_minor", "invalid_format"),
        ("/loans/1/extra", "unknown_field"),
        ("/loans/2/loan_id", "required"),
    ]


@pytest.mark.parametrize("count", [0, accrual_batches.MAX_LOANS + 1])
def test_a_batch_has_one_to_ten_thousand_loans(count: int) -> None:
    body = bodies_of.accrual()
    body["loans"] = body["loans"] * count
    assert faults_of(accrual_batches.PATH, body) == [("/loans", "invalid_length")]


def test_a_sum_beyond_eighteen_digits_is_refused() -> None:
    body = bodies_of.accrual(*(uuid4() for _ in range(1_002)))
    for loan in body["loans"]:
        loan["interest_minor"] = "9" * 15
    assert faults_of(accrual_batches.PATH, body) == [("/loans", "amount_out_of_range")]


def test_a_batch_without_currency_takes_the_tenants_own_or_asks() -> None:
    body = bodies_of.accrual()
    del body["currency"]
    assert faults_of(accrual_batches.PATH, body) == [("/currency", "required")]
    document = parse(json.dumps(body).encode())
    assert accrual_batches.read_batch(document, TODAY, "EUR").currency == "EUR"


def entry_id(partition_id: int) -> UUID:
    return ids.derive(
        ids.JOURNAL_ENTRY,
        tenant_id=TENANT,
        key="payment:42:abc",
        accepted_at=datetime(2026, 1, 1, tzinfo=UTC),
        partition_id=partition_id,
    )


@pytest.mark.parametrize(
    ("reverses", "expected"),
    [
        (entry_id(7), 7),
        (entry_id(12), None),
        (entry_id(ids.IN_PARTS), None),
        (UUID("11111111-2222-4333-8444-555555555555"), None),
    ],
)
def test_a_reversal_goes_where_its_entry_is(reverses: UUID, expected: int | None) -> None:
    values = check(
        parse(json.dumps(bodies_of.reversal(reverses)).encode()), REVERSALS.members, TODAY
    )
    partition_id, key = place_of(REVERSALS.command(values, envelope()), 12)
    own = partition_of_key(TENANT.bytes + bytes(16), 12)
    assert partition_id == (own if expected is None else expected)
    assert key == TENANT.bytes + (bytes(16) if expected is None else reverses.bytes)


def test_every_operation_makes_its_command() -> None:
    makers: list[tuple[Operation, Callable[[], dict[str, Any]]]] = [
        (DISBURSEMENTS, bodies_of.disbursement),
        (PAYMENTS, bodies_of.payment),
    ]
    for operation, body in makers:
        given_body = body()
        values = check(parse(json.dumps(given_body).encode()), operation.members, TODAY)
        command: Any = operation.command(values, envelope())
        assert str(command.loan_id) == given_body["loan_id"]
        assert str(command.amount_minor) == given_body["amount_minor"]
        assert command.effective_on.isoformat() == given_body["effective_at"]
        partition_id, key = place_of(command, 12)
        assert key == TENANT.bytes + command.loan_id.bytes
        assert partition_id == partition_of_key(key, 12)


def test_field_errors_are_written_as_the_contract_says() -> None:
    problem = Problem(
        code="validation_failed", errors=(FieldError("/a", "required", "is required"),)
    )
    assert problem.document()["errors"] == [
        {"field": "/a", "code": "required", "message": "is required"}
    ]
