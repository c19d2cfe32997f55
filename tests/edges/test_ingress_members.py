"""Members that depend on each other, and the values that each new POST takes."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ingress_api.bodies import check
from ingress_api.operations import PERIOD_CLOSES, is_close, last_day_in
from schemas.problems import ProblemError
from schemas.strict_json import parse
from tests.edges import bodies_of
from tests.edges.test_ingress_bodies import OPERATIONS, TODAY, faults_of, put, read, whole
from tests.http import UNKNOWN_ID

SETTLEMENTS = "/v1/disbursement-settlements"
ALLOCATIONS = "/v1/payment-allocations"
ADJUSTMENTS = "/v1/manual-adjustments"
WITH_AMOUNT = [(SETTLEMENTS, "amount_minor"), ("/v1/refinances", "additional_principal_minor")]


@pytest.mark.parametrize(("path", "amount"), WITH_AMOUNT)
def test_a_currency_comes_with_an_amount_and_not_without(path: str, amount: str) -> None:
    sound = bodies_of.SOUND[path]()
    assert read(path, sound)
    assert read(path, {**sound, amount: "500", "currency": "USD"})
    assert faults_of(path, {**sound, amount: "500"}) == [("/currency", "required")]
    assert faults_of(path, {**sound, "currency": "USD"}) == [("/currency", "unknown_field")]


@pytest.mark.parametrize(
    "path", ["/v1/restructures", "/v1/charge-offs", "/v1/payment-returns", ADJUSTMENTS]
)
def test_what_has_no_amount_of_its_own_has_no_currency(path: str) -> None:
    body = {**bodies_of.SOUND[path](), "currency": "USD"}
    assert faults_of(path, body) == [("/currency", "unknown_field")]


@pytest.mark.parametrize("path", ["/v1/charge-offs", "/v1/payment-returns"])
def test_what_concerns_the_whole_takes_no_amount(path: str) -> None:
    body = {**bodies_of.SOUND[path](), "amount_minor": "1"}
    assert faults_of(path, body) == [("/amount_minor", "unknown_field")]


@pytest.mark.parametrize(
    ("split", "faults"),
    [
        ({"fees_minor": "100", "interest_minor": "0", "principal_minor": "400"}, []),
        ({"principal_minor": "500"}, []),
        ({}, [("/split", "invalid_value")]),
        ({"principal_minor": "499"}, [("/split", "invalid_value")]),
        ({"principal_minor": "501"}, [("/split", "invalid_value")]),
        ({"fees_minor": "500", "interest_minor": "500"}, [("/split", "invalid_value")]),
        ({"suspense_minor": "500"}, [("/split/suspense_minor", "unknown_field")]),
        ({"principal_minor": 500}, [("/split/principal_minor", "invalid_type")]),
        ({"principal_minor": "-500"}, [("/split/principal_minor", "invalid_format")]),
        (None, [("/split", "invalid_type")]),
        ([], [("/split", "invalid_type")]),
    ],
)
def test_a_split_sums_to_the_amount(split: Any, faults: list[tuple[str, str]]) -> None:
    body = bodies_of.allocation(split=split)
    if faults:
        assert faults_of(ALLOCATIONS, body) == faults
    else:
        assert read(ALLOCATIONS, body)


def test_a_split_is_not_summed_to_an_amount_that_is_none() -> None:
    body = bodies_of.allocation(split={"fees_minor": "1"}) | {"amount_minor": "x"}
    assert faults_of(ALLOCATIONS, body) == [("/amount_minor", "invalid_format")]
    del body["amount_minor"]
    assert faults_of(ALLOCATIONS, body) == [("/amount_minor", "required")]


@pytest.mark.parametrize("count", [0, 1, 201])
def test_an_adjustment_has_2_to_200_lines(count: int) -> None:
    lines = [bodies_of.line("1000", "DR")] * count
    body = bodies_of.adjustment() | {"lines": lines}
    assert faults_of(ADJUSTMENTS, body) == [("/lines", "invalid_length")]


def test_an_adjustment_may_have_200_lines() -> None:
    body = bodies_of.adjustment() | {"lines": [bodies_of.line("1000", "DR")] * 200}
    assert len(read(ADJUSTMENTS, body)["lines"]) == 200


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("account_code", "100", "invalid_format"),
        ("account_code", "10000", "invalid_format"),
        ("account_code", "１000", "invalid_format"),
        ("account_code", "1000\n", "invalid_format"),
        ("account_code", 1000, "invalid_type"),
        ("direction", "dr", "invalid_value"),
        ("direction", "debit", "invalid_value"),
        ("layer", "settled", "invalid_value"),
        ("layer", None, "invalid_type"),
        ("currency", "usd", "currency_unknown"),
        ("amount_minor", "0", "amount_out_of_range"),
        ("loan_id", UNKNOWN_ID, "unknown_field"),
    ],
)
def test_what_a_line_refuses(name: str, value: Any, code: str) -> None:
    body = put(bodies_of.adjustment(), f"/lines/1/{name}", value)
    assert faults_of(ADJUSTMENTS, body) == [(f"/lines/1/{name}", code)]


def test_every_fault_of_every_line_is_listed() -> None:
    lines = [{}, [], bodies_of.line("10", "DR", "0"), None]
    faults = faults_of(ADJUSTMENTS, bodies_of.adjustment() | {"lines": lines})
    members = ("account_code", "direction", "amount_minor", "currency", "layer")
    assert set(faults) == {
        *((f"/lines/0/{name}", "required") for name in members),
        ("/lines/1", "invalid_type"),
        ("/lines/2/account_code", "invalid_format"),
        ("/lines/2/amount_minor", "amount_out_of_range"),
        ("/lines/3", "invalid_type"),
    }


def test_who_opens_a_loan_names_it_with_its_borrower() -> None:
    full = bodies_of.migration()
    assert read(ADJUSTMENTS, full)
    for absent, faults in {
        ("loan_id",): [("/borrower_id", "unknown_field"), ("/accrued_through", "unknown_field")],
        ("borrower_id",): [("/accrued_through", "unknown_field")],
        ("accrued_through",): [],
        ("borrower_id", "accrued_through"): [],
    }.items():
        body = {name: value for name, value in full.items() if name not in absent}
        if faults:
            assert faults_of(ADJUSTMENTS, body) == faults
        else:
            assert read(ADJUSTMENTS, body)


CANNOT_OPEN = {
    "no debit of 1100": {"account_code": "1000"},
    "a credit of it": {"direction": "CR"},
    "another layer": {"layer": "PENDING"},
}


@pytest.mark.parametrize("of_line", CANNOT_OPEN.values(), ids=CANNOT_OPEN)
def test_accrued_through_is_taken_only_of_lines_that_can_open_a_loan(
    of_line: dict[str, str],
) -> None:
    body = bodies_of.migration()
    body["lines"][0] |= of_line
    assert faults_of(ADJUSTMENTS, body) == [("/accrued_through", "unknown_field")]
    del body["accrued_through"]
    assert read(ADJUSTMENTS, body)


def test_lines_with_faults_are_not_asked_whether_they_open_a_loan() -> None:
    body = bodies_of.migration()
    for lines, fault in (
        ([bodies_of.line("1100", "debit"), body["lines"][1]], "/lines/0/direction"),
        ([{}, body["lines"][1]], "/lines/0/direction"),
        ("none", "/lines"),
    ):
        faults = faults_of(ADJUSTMENTS, {**body, "lines": lines})
        assert fault in dict(faults)
        assert "/accrued_through" not in dict(faults)


WRONG = [
    ("/v1/disbursement-settlements", "disbursement_event_id", "x", "invalid_format"),
    ("/v1/disbursement-settlements", "loan_id", str(bodies_of.UUID(int=0)), "invalid_value"),
    ("/v1/payment-returns", "return_code", "R00", "invalid_value"),
    ("/v1/payment-returns", "return_code", "R86", "invalid_value"),
    ("/v1/payment-returns", "return_code", "R1", "invalid_value"),
    ("/v1/payment-returns", "return_code", "r01", "invalid_value"),
    ("/v1/fees", "fee_type", "LATE", "invalid_value"),
    ("/v1/fee-waivers", "reason_code", "late", "invalid_value"),
    ("/v1/charge-offs", "reason_code", "goodwill", "invalid_value"),
    ("/v1/recoveries", "source_method", "sepa", "invalid_value"),
    ("/v1/refinances", "new_loan_id", str(bodies_of.UUID(int=0)), "invalid_value"),
    ("/v1/refinances", "effective_at", "2026-12-26", "effective_date_out_of_range"),
    (ADJUSTMENTS, "reason_code", "error", "invalid_value"),
    (ADJUSTMENTS, "accrued_through", "2026-12-26", "effective_date_out_of_range"),
    (ADJUSTMENTS, "description", "", "invalid_length"),
]


@pytest.mark.parametrize(("path", "name", "value", "code"), WRONG)
def test_what_a_member_refuses(path: str, name: str, value: Any, code: str) -> None:
    assert faults_of(path, {**whole(path), name: value}) == [(f"/{name}", code)]


@pytest.mark.parametrize("code", ["R01", "R09", "R10", "R85", "other"])
def test_the_return_codes_of_nacha_are_taken(code: str) -> None:
    assert read("/v1/payment-returns", bodies_of.payment_return(return_code=code))


@pytest.mark.parametrize("path", OPERATIONS)
def test_the_published_schema_takes_what_is_taken(path: str) -> None:
    """And refuses each body from which a required member is missing, or with one too many."""
    validator = Draft202012Validator(OPERATIONS[path].body.schema())
    for body in (bodies_of.SOUND[path](), whole(path)):
        assert validator.is_valid(body)
        assert not validator.is_valid({**body, "surprise": 1})
        for name in bodies_of.SOUND[path]():
            without = {other: value for other, value in body.items() if other != name}
            assert not validator.is_valid(without), name


def test_the_published_schema_knows_what_comes_only_together() -> None:
    for path, amount in WITH_AMOUNT:
        validator = Draft202012Validator(OPERATIONS[path].body.schema())
        for alone in ({amount: "500"}, {"currency": "USD"}):
            assert not validator.is_valid({**bodies_of.SOUND[path](), **alone})
    validator = Draft202012Validator(OPERATIONS[ADJUSTMENTS].body.schema())
    for name in ("borrower_id", "accrued_through"):
        assert not validator.is_valid(
            {**bodies_of.adjustment(), name: bodies_of.full(ADJUSTMENTS)[name]}
        )


@pytest.mark.parametrize(
    ("period", "last"),
    [
        ("2026-01", "2026-01-31"),
        ("2024-02", "2024-02-29"),
        ("2100-02", "2100-02-28"),
        ("9999-12", "9999-12-31"),
        ("0001-01", "0001-01-31"),
        *((bad, None) for bad in ("2026-13", "2026-00", "0000-01", "2026-1", "202601", "26-01")),
        *((bad, None) for bad in ("2026-01-01", "２026-01", "2026-01 ", "2026-01\n", "x", "-")),
    ],
)
def test_a_period_is_a_real_month(period: str, last: str | None) -> None:
    path = f"/v1/periods/{period}/close"
    found = last_day_in(path)
    assert is_close(path)
    assert (None if found is None else found.isoformat()) == last


def test_no_other_path_closes_a_month() -> None:
    for path in ("/v1/periods", "/v1/periods/close", "/v1/periods//close", "/v1/periods/a/b/close"):
        assert not is_close(path)


def test_a_close_has_an_empty_body() -> None:
    assert check(parse(b"{}"), PERIOD_CLOSES.body, TODAY) == {}
    for body in (b"[]", b"null", b'"x"', b'{"period":"2026-01"}', b'{"metadata":{}}'):
        with pytest.raises(ProblemError) as refused:
            check(parse(body), PERIOD_CLOSES.body, TODAY)
        assert refused.value.problem.code == "validation_failed"
