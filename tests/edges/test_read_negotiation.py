"""`Accept` (RFC 9110): the most specific range of a type gives its quality; the best type wins."""

import pytest

from read_api.negotiation import CSV, HTML, JSON, media_type_for
from schemas.problems import ProblemError

OFFERED = (JSON, CSV, HTML)
A_BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", JSON),
        (" , ", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("text/*", CSV),
        ("text/csv", CSV),
        ("TEXT/HTML", HTML),
        (A_BROWSER, HTML),
        ("text/html;q=0.4, text/csv;q=0.5", CSV),
        ("text/csv;q=0.5, text/html;q=0.50", CSV),
        ("application/json;q=0, */*", CSV),
        ("text/*;q=0.9, text/csv;q=0, */*;q=0.1", HTML),
        ("text/html;q=1.000, application/json;q=0.999", HTML),
        ("text/csv; header=present; q=0.7, application/json; q=0.6", CSV),
        ("image/png, text/csv;q=0.001", CSV),
        ("text/html;Q=0.1", HTML),
        ("text/html;q=2", HTML),
        ("text/html;q=", HTML),
    ],
)
def test_the_type_that_is_wanted_most_is_chosen(accept: str, chosen: str) -> None:
    assert media_type_for([accept.encode()], OFFERED) == chosen


@pytest.mark.parametrize(
    "accept",
    [
        "image/png",
        "text/plain",
        "*/*;q=0",
        "application/json;q=0",
        "text",
        "/",
        ";;;",
        "a,b",
        "\xff",
    ],
)
def test_what_cannot_be_had_is_not_acceptable(accept: str) -> None:
    with pytest.raises(ProblemError) as refused:
        media_type_for([accept.encode("latin-1")], OFFERED)
    assert refused.value.problem.code == "not_acceptable"


def test_several_headers_are_one_list() -> None:
    assert media_type_for([b"text/csv;q=0.1", b"text/html"], OFFERED) == HTML


def test_without_the_header_the_first_is_given() -> None:
    assert media_type_for([], OFFERED) == JSON
