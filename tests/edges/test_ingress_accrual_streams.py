"""Accrual batches as streams: they mean what the same JSON document means, fault by fault."""

import json
import random
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress_api import accrual_batches
from ingress_api.accrual_batches import Batch, Chunks
from ingress_api.accrual_streams import BatchReader
from ingress_api.loan_arrays import Block, Loans, spelling_of
from schemas.partitioning import partition_of_loan
from schemas.problems import MOST_FAULTS, Problem, ProblemError
from schemas.strict_json import parse
from tests.edges import bodies_of
from tests.edges.test_ingress_bodies import TODAY, envelope

KNOWN = [uuid4() for _ in range(4)]
"""So few that a batch of some lines lists one of them twice."""


def header(**more: Any) -> dict[str, Any]:
    return {k: v for k, v in bodies_of.accrual().items() if k != "loans"} | more


def loan(
    loan_id: object = None, principal: Any = "100000", interest: Any = "822"
) -> dict[str, Any]:
    return {
        "loan_id": str(loan_id or uuid4()),
        "outstanding_principal_minor": principal,
        "interest_minor": interest,
    }


def line(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def read(body: bytes, piece: int = 1 << 20, **more: Any) -> Batch:
    reader = BatchReader(TODAY, None, **more)
    for start in range(0, len(body), piece):
        reader.take(body[start : start + piece])
    return reader.finish()


def refused(body: bytes, **more: Any) -> Problem:
    with pytest.raises(ProblemError) as caught:
        read(body, **more)
    return caught.value.problem


def faults_of(body: bytes, **more: Any) -> list[tuple[str, str]]:
    problem = refused(body, **more)
    assert problem.code == "validation_failed"
    return [(error.field, error.code) for error in problem.errors]


AMOUNTS = st.sampled_from(
    [
        "0",
        "1",
        "822",
        "9" * 15,
        "1" + 15 * "0",
        "00",
        "01",
        "-1",
        "1.0",
        "",
        " 1",
        "١",
        "1e3",
        "9" * 19,
    ]
) | st.integers(0, 10**15 - 1).map(str)
IDS = st.sampled_from(KNOWN).map(str) | st.sampled_from(
    [str(UUID(int=0)), str(KNOWN[0]).upper(), "not-a-uuid", KNOWN[1].hex, "g" * 36, "-" * 36]
) | st.uuids().map(str)  # fmt: skip
VALUES = st.fixed_dictionaries(
    {"loan_id": IDS, "outstanding_principal_minor": AMOUNTS, "interest_minor": AMOUNTS},
    optional={"extra": st.just("1")},
) | st.fixed_dictionaries({"loan_id": IDS, "interest_minor": st.sampled_from([1, None, "1"])})


def spelled(value: dict[str, Any], order: int, spaces: str, ends: str) -> bytes:
    names = sorted(value)
    random.Random(order).shuffle(names)
    members = f",{spaces}".join(
        f"{json.dumps(name)}:{spaces}{json.dumps(value[name])}" for name in names
    )
    return f"{spaces}{{{members}{spaces}}}{ends}".encode()


NOT_A_LOAN = [
    *(
        b"7",
        b"null",
        b"[]",
        b"{}",
        b'"\\u0000"',
        b"{",
        b"",
        b" ",
        b"NaN",
        b"\xff",
        b"\xef\xbb\xbf{}",
    ),
    *(b'{"a":1,"a":1}', b'{"loan_id":"\\u0000"}'),
    line(loan(KNOWN[2]))[:-1].replace(b"loan", b"lo\\u0061n"),
    line(loan(KNOWN[3]))[:-1].replace(b"822", b"\\u0038"),
    line(loan())[:-2] + b',"\xc3\xa9":1}',
]
SPACES = st.sampled_from(["", " ", "\t"])
SPELLED = st.builds(spelled, VALUES, st.integers(0, 5), SPACES, st.sampled_from(["", "\r"]))
LINES = st.lists(SPELLED | st.sampled_from(NOT_A_LOAN), max_size=12)


def outcome_of(make: Any) -> Any:
    """What a body comes to: its fingerprint and sums, or its problem with every fault.

    Of what cannot be read at all only the status: a document is decoded whole before it is parsed,
    so of two such faults in it another may be told.
    """
    try:
        batch = make()
    except ProblemError as error:
        problem = error.problem
        if problem.status == 400:
            return 400
        return problem.code, sorted((one.field, one.code) for one in problem.errors)
    return batch.digest, len(batch.loans), batch.loans.interest_total_minor


def as_document(first: dict[str, Any], lines: list[bytes]) -> bytes:
    # An array has no place for nothing, so that stands there as what is no JSON either.
    loans = b",".join(one if one.strip() else b"?" for one in lines)
    return json.dumps(first).encode()[:-1] + b',"loans":[' + loans + b"]}"


@given(LINES, st.integers(1, 400), st.booleans(), st.integers(0, 3))
def test_a_stream_is_taken_and_refused_as_the_same_document_is(
    lines: list[bytes], piece: int, has_last_newline: bool, expected: int
) -> None:
    first = header(expected_loan_count=expected) if expected else header()
    body = b"\n".join([json.dumps(first).encode(), *lines]) + b"\n" * (
        has_last_newline or not lines
    )
    if lines and not lines[-1] and not has_last_newline:
        body += b"\n"

    streamed = outcome_of(lambda: read(body, piece))
    whole = outcome_of(
        lambda: accrual_batches.read_batch(parse(as_document(first, lines)), TODAY, None)
    )
    assert streamed == whole


@given(st.lists(VALUES, min_size=1, max_size=30), st.integers(0, 5), SPACES)
def test_lines_in_a_known_spelling_are_read_at_once_exactly_where_they_are_sound(
    values: list[dict[str, Any]], order: int, spaces: str
) -> None:
    known = spelling_of(spelled(loan(), order, spaces, ""))
    assert known is not None
    block = Block(b"".join(spelled(value, order, spaces, "\n") for value in values))
    block.read(known)

    sound = [value for value in values if is_sound(value)]
    assert len(block) - len(block.unread()) == len(sound)
    packed = block.rows[block.is_read].tobytes()
    assert packed == b"".join(accrual_batches.pack_loan(one, "", faults()) for one in sound)


def faults() -> Any:
    return accrual_batches.Faults(date(2026, 12, 24))


def is_sound(value: dict[str, Any]) -> bool:
    found = faults()
    accrual_batches.pack_loan(value, "", found)
    return not found.errors


def test_a_document_and_a_stream_of_the_same_batch_have_one_fingerprint() -> None:
    body = bodies_of.accrual(*(uuid4() for _ in range(50)))
    lines = [line(header()), *(line(one) for one in body["loans"])]
    document = accrual_batches.read_batch(parse(json.dumps(body).encode()), TODAY, None)
    assert read(b"".join(lines)).digest == document.digest
    assert read(b"".join([*lines[:1], *lines[:0:-1]])).digest != document.digest


def test_the_bodies_of_both_are_cut_into_the_same_chunks() -> None:
    body = bodies_of.accrual(*(uuid4() for _ in range(2_500)))
    document = accrual_batches.read_batch(parse(json.dumps(body).encode()), TODAY, None)
    stream = read(b"".join([line(header()), *(line(one) for one in body["loans"])]), 777)
    assert list(Chunks(stream, envelope(), 3)) == list(Chunks(document, envelope(), 3))


def near(number: int) -> st.SearchStrategy[int]:
    return st.integers(number + 1, number + 40)


ALIKE = st.builds(UUID, int=st.sampled_from([0, 1 << 64, 1 << 127]).flatmap(near))
"""Ids of which many share their upper half."""


@given(st.lists(st.uuids() | ALIKE, min_size=1, max_size=50), st.uuids(), st.integers(1, 4094))
def test_every_loan_goes_to_the_partition_that_owns_it(
    loan_ids: list[UUID], tenant_id: UUID, partition_count: int
) -> None:
    loans = Loans(b"".join(one.bytes + bytes(16) for one in loan_ids))
    shares: dict[int, list[bytes]] = {}
    for one in loan_ids:
        owner = partition_of_loan(tenant_id, one, partition_count)
        shares.setdefault(owner, []).append(one.bytes)
    found: dict[int, list[bytes]] = {}
    for piece in loans.portions(tenant_id, partition_count).pieces(7):
        ids = [piece.loan_ids[at : at + 16] for at in range(0, len(piece.loan_ids), 16)]
        assert len(ids) <= 7
        found.setdefault(piece.partition_id, []).extend(ids)
    assert found == {owner: sorted(ids) for owner, ids in shares.items()}


@given(st.lists(st.uuids() | ALIKE, min_size=1, max_size=60))
def test_what_is_listed_again_is_found(loan_ids: list[UUID]) -> None:
    again = [at for at, one in enumerate(loan_ids) if one in loan_ids[:at]]
    assert Loans(b"".join(one.bytes + bytes(16) for one in loan_ids)).duplicates() == again


def test_a_sum_beyond_sixty_four_bits_is_exact() -> None:
    row = uuid4().bytes + (1).to_bytes(8, "big") + (10**15 - 1).to_bytes(8, "big")
    assert Loans(row * 20_000).interest_total_minor == 20_000 * (10**15 - 1)


def test_faults_are_told_by_loan_and_line() -> None:
    twice = uuid4()
    body = [header(currency="XXX"), loan(twice), loan(interest="1.5"), loan(str(twice).upper()), 7]
    problem = refused(b"".join(line(one) for one in body))
    assert [(one.field, one.code, one.message.split(":")[0]) for one in problem.errors] == [
        ("/currency", "currency_unknown", "must be an ISO 4217 alphabetic code"),
        ("/loans/1/interest_minor", "invalid_format", "line 3"),
        ("/loans/2/loan_id", "duplicate_loan", "line 4"),
        ("/loans/3", "invalid_type", "line 5"),
    ]


def test_of_ever_so_many_faults_the_first_thousand_are_told_as_of_a_document() -> None:
    twice = uuid4()
    loans = [loan(twice), *(loan(interest="x") for _ in range(600)), loan(twice)]
    loans += [loan(interest=7, principal=7) for _ in range(600)]
    body = b"".join([line(header()), *(line(one) for one in loans)])
    document = parse(as_document(header(), [line(one) for one in loans]))
    with pytest.raises(ProblemError) as whole:
        accrual_batches.read_batch(document, TODAY, None)
    told = [(one.field, one.code) for one in whole.value.problem.errors]
    assert len(told) == MOST_FAULTS
    assert faults_of(body) == told


@pytest.mark.parametrize(
    ("spoil", "number"),
    [
        (b"", 3),
        (b"{", 3),
        (b"\xef\xbb\xbf{}", 3),
        (b'{"loan_id":"\xff"}', 3),
        (line(loan())[:-9], 3),
        (b'{"a":NaN}', 3),
    ],
)
def test_a_line_that_is_no_json_is_named(spoil: bytes, number: int) -> None:
    problem = refused(line(header()) + line(loan()) + spoil + b"\n" + line(loan()))
    assert (problem.code, problem.status) == ("malformed_json", 400)
    assert str(problem.detail).startswith(f"Line {number}: ")


def test_a_member_twice_in_a_line_is_named() -> None:
    problem = refused(line(header()) + b'{"loan_id":"1","loan_id":"2"}\n')
    assert (problem.code, str(problem.detail)[:8]) == ("duplicate_member", "Line 2: ")


@pytest.mark.parametrize("body", [b"", b"\n", b"\xef\xbb\xbf" + line(header()), b"[", b"\r\n"])
def test_a_stream_without_its_first_line_is_malformed(body: bytes) -> None:
    problem = refused(body + (line(loan()) if len(body) > 2 else b""))
    assert (problem.code, str(problem.detail)[:8]) == ("malformed_json", "Line 1: ")


def test_a_last_line_that_is_cut_off_is_malformed_wherever_it_is_cut() -> None:
    last = line(loan())[:-1]
    body = line(header()) + line(loan())
    for upto in range(1, len(last)):
        assert refused(body + last[:upto]).code == "malformed_json"
    assert len(read(body + last).loans) == 2
    assert len(read(body).loans) == 1


def test_a_first_line_with_loans_is_refused() -> None:
    body = line(bodies_of.accrual()) + line(loan())
    assert faults_of(body) == [("/loans", "unknown_field")]


def test_lines_may_end_as_they_do_elsewhere() -> None:
    body = line(header()) + line(loan(KNOWN[0])) + line(loan(KNOWN[1]))
    assert read(body.replace(b"\n", b"\r\n")).digest == read(body).digest
