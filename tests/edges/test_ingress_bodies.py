"""Bodies to commands: every fault at once, and one fingerprint for one meaning."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from ingress_api import accrual_batches
from ingress_api.bodies import Envelope, check
from ingress_api.operations import OPERATIONS as TABLE
from ingress_api.operations import REVERSALS
from schemas import ids
from schemas.commands import Payment
from schemas.partitioning import partition_of_key
from schemas.placement import place_of
from schemas.problems import MOST_FAULTS, FieldError, Problem, ProblemError
from schemas.strict_json import parse
from tests.edges import bodies_of

TODAY = date(2026, 11, 24)
OPERATIONS = {one.path: one for one in TABLE}
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
    ("/v1/disbursement-settlements", "/amount_minor"),
    ("/v1/payment-allocations", "/amount_minor"),
    ("/v1/payment-allocations", "/split/fees_minor"),
    ("/v1/fees", "/amount_minor"),
    ("/v1/fee-waivers", "/amount_minor"),
    ("/v1/recoveries", "/amount_minor"),
    ("/v1/restructures", "/capitalize_interest_minor"),
    ("/v1/restructures", "/capitalize_fees_minor"),
    ("/v1/refinances", "/additional_principal_minor"),
    ("/v1/manual-adjustments", "/lines/1/amount_minor"),
]
NOT_ZERO = [field for field in AMOUNT_FIELDS if field[1].endswith("amount_minor")]
NOT_ZERO.append(("/v1/refinances", "/additional_principal_minor"))


def read(path: str, body: Any) -> Any:
    document = parse(json.dumps(body).encode())
    if path == accrual_batches.PATH:
        return accrual_batches.read_batch(document, TODAY, None)
    return check(document, OPERATIONS[path].body, TODAY)


def faults_of(path: str, body: Any) -> list[tuple[str, str]]:
    with pytest.raises(ProblemError) as refused:
        read(path, body)
    problem = refused.value.problem
    assert (problem.code, problem.status) == ("validation_failed", 422)
    return [(error.field, error.code) for error in problem.errors]


def whole(path: str) -> dict[str, Any]:
    """A sound body with every member, of its own to be spoiled."""
    body: dict[str, Any] = json.loads(json.dumps(bodies_of.full(path)))
    return body


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
    faults = faults_of(path, put(whole(path), pointer, spelling))
    code = "invalid_format" if isinstance(spelling, str) else "invalid_type"
    assert faults == [(pointer, code)]


@pytest.mark.parametrize(
    ("path", "pointer"), [field for field in AMOUNT_FIELDS if "total" not in field[1]]
)
def test_one_amount_is_at_most_fifteen_nines(path: str, pointer: str) -> None:
    body = whole(path)
    if path == "/v1/payment-allocations":
        body |= {"amount_minor": "9" * 15, "split": {"fees_minor": "9" * 15}}
    assert read(path, put(body, pointer, "9" * 15))
    too_much = put(body, pointer, "1" + "0" * 15)
    assert faults_of(path, too_much) == [(pointer, "amount_out_of_range")]


@pytest.mark.parametrize(("path", "pointer"), NOT_ZERO)
def test_a_posting_amount_is_not_zero(path: str, pointer: str) -> None:
    body = put(whole(path), pointer, "0")
    assert faults_of(path, body) == [(pointer, "amount_out_of_range")]


@pytest.mark.parametrize("path", bodies_of.SOUND)
def test_every_required_member_is_asked_for_and_no_other_is_taken(path: str) -> None:
    required = {(f"/{name}", "required") for name in bodies_of.SOUND[path]()}
    faults = faults_of(path, {"surprise": 1, "a/b~c": 2})
    unknown = {("/surprise", "unknown_field"), ("/a~1b~0c", "unknown_field")}
    assert set(faults) == required | unknown
    assert len(faults) == len(set(faults))


@pytest.mark.parametrize("path", bodies_of.SOUND)
@pytest.mark.parametrize("body", [[], "text", 1, None, True, 1.5], ids=repr)
def test_a_body_is_an_object(path: str, body: Any) -> None:
    assert faults_of(path, body) == [("", "invalid_type")]


@pytest.mark.parametrize("path", bodies_of.SOUND)
def test_every_member_refuses_every_wrong_type(path: str) -> None:
    wrong: list[Any] = [None, 1, 1.5, True, [], {}, "", "x" * 300, "\0"]
    for name in whole(path):
        for value in wrong:
            if (name, value) == ("metadata", {}):
                continue
            faults = faults_of(path, {**whole(path), name: value})
            assert {field.split("/")[1] for field, _ in faults} == {name}, (name, value)


@pytest.mark.parametrize("path", OPERATIONS)
def test_what_is_optional_may_be_left_out(path: str) -> None:
    assert read(path, bodies_of.SOUND[path]())
    assert set(read(path, whole(path))) == {one.name for one in OPERATIONS[path].body.members}


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


def envelope(key: str = "accrual:prog_7:2026-01-31") -> Envelope:
    return Envelope(
        tenant_id=TENANT,
        idempotency_key=key,
        fingerprint=bytes(32),
        accepted_at=datetime(2026, 2, 1, tzinfo=UTC),
        actor="client",
    )


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
    values = check(parse(json.dumps(bodies_of.reversal(reverses)).encode()), REVERSALS.body, TODAY)
    partition_id, key = place_of(REVERSALS.command(values, envelope()), 12)
    own = partition_of_key(TENANT.bytes + bytes(16), 12)
    assert partition_id == (own if expected is None else expected)
    assert key == TENANT.bytes + (bytes(16) if expected is None else reverses.bytes)


@pytest.mark.parametrize("path", OPERATIONS)
def test_every_operation_makes_its_command(path: str) -> None:
    """Every member arrives in the command under its own name, or the one that stands for it."""
    given = whole(path)
    document = parse(json.dumps(given).encode())
    values = check(document, OPERATIONS[path].body, TODAY)
    command: Any = OPERATIONS[path].command(values, envelope())
    for name, text in given.items():
        value = getattr(command, {"effective_at": "effective_on"}.get(name, name))
        if name == "split":
            assert value == {"fees": 100, "principal": 400}
        elif name == "lines":
            assert [(one.account_code, one.direction) for one in value] == [
                ("1100", "DR"),
                ("3000", "CR"),
            ]
        else:
            assert (value if name == "metadata" else str(value)) == text
    partition_id, key = place_of(command, 12)
    assert 0 <= partition_id < 12
    assert key[:16] == TENANT.bytes


def test_the_tenants_waterfall_is_written_into_what_allocates() -> None:
    for path in ("/v1/payments", "/v1/payment-allocations"):
        values = check(parse(json.dumps(whole(path)).encode()), OPERATIONS[path].body, TODAY)
        command: Any = OPERATIONS[path].command(values, replace(envelope(), waterfall_version=7))
        assert command.waterfall_version == 7


def test_what_is_left_out_has_the_commands_default() -> None:
    values = check(
        parse(json.dumps(bodies_of.payment()).encode()), OPERATIONS["/v1/payments"].body, TODAY
    )
    command = OPERATIONS["/v1/payments"].command(values, envelope())
    assert isinstance(command, Payment)
    assert (command.allocation, command.metadata, command.description) == ("auto", {}, None)


def test_field_errors_are_written_as_the_contract_says() -> None:
    problem = Problem(
        code="validation_failed", errors=(FieldError("/a", "required", "is required"),)
    )
    assert problem.document()["errors"] == [
        {"field": "/a", "code": "required", "message": "is required"}
    ]


@pytest.mark.parametrize("members", [MOST_FAULTS - 2, MOST_FAULTS, 100_000])
def test_no_body_has_more_than_a_thousand_faults_told(members: int) -> None:
    """Telling a hundred thousand took half a second of the process that answers everybody."""
    unknown = {f"unknown-{number}": 0 for number in range(members)}
    with pytest.raises(ProblemError) as refused:
        check(parse(json.dumps(unknown).encode()), OPERATIONS["/v1/payments"].body, TODAY)
    assert len(refused.value.problem.errors) == MOST_FAULTS
    assert refused.value.problem.code == "validation_failed"
