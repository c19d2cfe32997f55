"""Whatever the write edge takes, the engine takes for a command: nothing accepted is a dead letter.

A dead letter is never answered, so its client would wait for ever.
"""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress_api.bodies import MAX_DAYS_AHEAD, check
from ingress_api.operations import PERIOD_CLOSES, last_day_in
from posting_engine.records import Record, examine
from schemas import codec, signing
from schemas.currencies import MINOR_UNITS
from schemas.money import MAX_AMOUNT_MINOR
from schemas.placement import place_of
from schemas.signing import SigningKey
from schemas.strict_json import parse
from tests.edges import bodies_of
from tests.edges.test_ingress_bodies import OPERATIONS, TODAY, envelope, whole

NOW = datetime(2026, 11, 24, tzinfo=UTC)
KEY = SigningKey(
    key_id="test",
    secret=bytes(32),
    tenants=None,
    valid_from=NOW - timedelta(days=1),
    valid_until=None,
)
PARTITIONS = 12

texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30
)
amounts = st.one_of(st.sampled_from([1, MAX_AMOUNT_MINOR]), st.integers(1, MAX_AMOUNT_MINOR))
ids = st.uuids().map(str) | st.uuids(version=4).map(lambda one: str(one).upper())
days = st.dates(date.min, TODAY + timedelta(days=MAX_DAYS_AHEAD)).map(date.isoformat)
lines = st.lists(
    st.fixed_dictionaries(
        {
            "account_code": st.integers(0, 9999).map("{:04}".format),
            "direction": st.sampled_from(["DR", "CR"]),
            "amount_minor": amounts.map(str),
            "currency": st.sampled_from(sorted(MINOR_UNITS)),
            "layer": st.sampled_from(["SETTLED", "PENDING", "ENCUMBRANCE"]),
        }
    ),
    min_size=2,
    max_size=6,
)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A path, and a body of it with members of every kind drawn anew, some left out."""
    path = draw(st.sampled_from(list(OPERATIONS)))
    body = whole(path)
    for name, text in body.items():
        if name == "metadata":
            body[name] = draw(st.dictionaries(texts, texts, max_size=3))
        elif name == "lines":
            body[name] = draw(lines)
        elif name.endswith("_id"):
            body[name] = draw(ids.filter(lambda one: int(one.replace("-", ""), 16) > 0))
        elif name in ("effective_at", "accrued_through"):
            body[name] = draw(days)
        elif name == "currency":
            body[name] = draw(st.sampled_from(sorted(MINOR_UNITS)))
        elif name.endswith("_minor") and "split" not in body:
            body[name] = str(draw(amounts))
        elif name in ("description", "external_ref", "reason_description", "destination_ref"):
            body[name] = draw(texts)
        elif isinstance(text, str):
            kind = next(one.kind for one in OPERATIONS[path].body.members if one.name == name)
            if "enum" in kind.schema:
                body[name] = draw(st.sampled_from(kind.schema["enum"]))  # type: ignore[arg-type]
    if "accrued_through" in body:
        # Only an opening takes it.
        body["lines"].append(bodies_of.line("1100", "DR"))
    return path, body


def examined(command: Any) -> Any:
    """What the engine finds in the record of a command."""
    partition_id, key = place_of(command, PARTITIONS)
    value = codec.encode(command)
    headers = (("signature", signing.sign(KEY, value)),)
    record = Record(partition_id, 0, NOW, key, value, headers)
    return examine(record, {KEY.key_id: KEY}, PARTITIONS)


@given(bodies())
def test_what_is_accepted_is_a_command(given_body: tuple[str, dict[str, Any]]) -> None:
    path, body = given_body
    values = check(parse(json.dumps(body).encode()), OPERATIONS[path].body, TODAY)
    command = OPERATIONS[path].command(values, envelope("a-key:of-a-client"))
    assert examined(command) == command


@pytest.mark.parametrize("period", ["0001-01", "2024-02", "2026-11", "9999-12"])
def test_any_month_is_a_command(period: str) -> None:
    last = last_day_in(f"/v1/periods/{period}/close")
    command = PERIOD_CLOSES.command({"closed_through": last}, envelope("a-key:of-a-client"))
    assert examined(command) == command
