"""How long a stream and its lines may be, zipped streams, and the memory that they take."""

import gzip
import random
import tracemalloc
from collections.abc import Iterator
from uuid import UUID

import pytest

from ingress_api.accrual_batches import Chunks
from ingress_api.accrual_streams import MAX_LINE_BYTES, BatchReader
from tests.edges.test_ingress_accrual_streams import (
    faults_of,
    header,
    line,
    loan,
    read,
    refused,
)
from tests.edges.test_ingress_bodies import TODAY, envelope


def test_a_batch_has_one_loan_at_least_and_not_too_many() -> None:
    body = line(header()) + b"".join(line(loan()) for _ in range(3))
    assert faults_of(line(header())) == [("/loans", "invalid_length")]
    assert len(read(body, most_loans=3).loans) == 3
    assert faults_of(body, most_loans=2) == [("/loans", "invalid_length")]
    assert faults_of(body, most_loans=2, piece=1) == [("/loans", "invalid_length")]


@pytest.mark.parametrize("piece", [1 << 20, 5_000, 100])
@pytest.mark.parametrize("before", [0, 1, 3])
def test_a_line_that_is_too_long_is_refused_after_what_is_before_it(
    piece: int, before: int
) -> None:
    lines = [line(header()), *(line(loan()) for _ in range(before))]
    long = line(loan())[:-1].ljust(MAX_LINE_BYTES + 1) + b"\n"
    assert len(read(b"".join([*lines, long.replace(b" \n", b"\n")]), piece).loans) == before + 1
    problem = refused(b"".join([*lines, long, line(loan())]), piece=piece)
    assert (problem.code, problem.status) == ("payload_too_large", 413)
    assert f"Line {before + 2} " in str(problem.detail)
    assert refused(b"".join([*lines, b"{\n", long]), piece=piece).code == "malformed_json"
    first = line(header())[:-1].ljust(MAX_LINE_BYTES + 1)
    for end in (b"", b"\n"):
        assert "Line 1 " in str(refused(first + end, piece=piece).detail)


@pytest.mark.parametrize(
    ("name", "value"), [("expected_loan_count", 3), ("expected_total_minor", "1643")]
)
def test_a_manifest_that_differs_refuses_the_stream(name: str, value: object) -> None:
    problem = refused(line(header(**{name: value})) + line(loan()) + line(loan()))
    assert (problem.code, [one.field for one in problem.errors]) == (
        "manifest_mismatch",
        [f"/{name}"],
    )


def zipped(body: bytes) -> Iterator[bytes]:
    """The same body zipped whole, and as members one after another."""
    yield gzip.compress(body)
    yield b"".join(gzip.compress(body[at : at + 100]) for at in range(0, len(body), 100))


@pytest.mark.parametrize("piece", [1, 33, 1 << 20])
def test_a_zipped_stream_is_the_same_batch(piece: int) -> None:
    body = b"".join([line(header()), *(line(loan()) for _ in range(20))])
    plain = read(body).digest
    for packed in zipped(body):
        assert read(packed, piece, is_gzip=True).digest == plain


def test_a_zipped_stream_that_is_damaged_or_cut_off_is_malformed() -> None:
    body = b"".join([line(header()), *(line(loan()) for _ in range(20))])
    packed = gzip.compress(body)
    for spoiled in (packed[:-1], packed[:-9], packed[:12], packed + b"x", b"x" + packed, body):
        assert refused(spoiled, is_gzip=True).code == "malformed_json"
    spoiled = bytes([*packed[:-8], *(byte ^ 1 for byte in packed[-8:])])
    assert refused(spoiled, is_gzip=True).code == "malformed_json"


def test_what_unpacks_to_ever_more_is_refused_on_the_way() -> None:
    bomb = gzip.compress(line(header()) + b" " * 50_000_000, 1)
    tracemalloc.start()
    try:
        assert refused(bomb, is_gzip=True).code == "payload_too_large"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000


def test_a_loan_takes_no_more_than_a_hundred_bytes() -> None:
    peaks = {count: peak_of(count) for count in (20_000, 60_000)}
    assert (peaks[60_000] - peaks[20_000]) / 40_000 <= 100


def peak_of(count: int) -> int:
    """The most bytes that reading, sorting and cutting so many loans holds at once."""
    chance = random.Random(count)
    row = b'{"loan_id":"%s","outstanding_principal_minor":"100000","interest_minor":"822"}\n'
    tracemalloc.start()
    try:
        reader = BatchReader(TODAY, None)
        reader.take(line(header()))
        for _ in range(count // 1_000):
            ids = (UUID(int=chance.getrandbits(128)) for _ in range(1_000))
            reader.take(b"".join(row % str(one).encode() for one in ids))
        assert sum(
            len(one.command.loan_ids) for one in Chunks(reader.finish(), envelope(), 12)
        ) == (16 * count)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
