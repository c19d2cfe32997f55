"""One fingerprint for one meaning, whatever its spelling; and the same for ever."""

import json
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ingress_api import accrual_batches
from ingress_api.bodies import check
from schemas.fingerprints import fingerprint
from schemas.strict_json import parse
from tests.edges import bodies_of
from tests.edges.test_ingress_bodies import OPERATIONS, TENANT, TODAY


def shuffled(body: dict[str, Any], seed: int) -> dict[str, Any]:
    names = list(body)
    random.Random(seed).shuffle(names)
    return {name: body[name] for name in names}


def respelled(body: Any, seed: int) -> bytes:
    """The same body with other member order, white space, escapes and case of ids."""
    other = shuffled(body, seed)
    for name in other:
        if name.endswith("_id"):
            other[name] = other[name].upper() if seed % 2 else other[name].lower()
    return json.dumps(other, indent=seed % 4 or None, ensure_ascii=bool(seed % 3)).encode()


def print_of(path: str, body: bytes) -> bytes:
    if path == accrual_batches.PATH:
        return accrual_batches.read_batch(parse(body), TODAY, None).digest
    return fingerprint(f"POST {path}", check(parse(body), OPERATIONS[path].body, TODAY))


TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20
)


@given(st.sampled_from(list(OPERATIONS)), TEXTS, st.integers(0, 23))
def test_spelling_does_not_change_a_fingerprint(path: str, words: str, seed: int) -> None:
    body = bodies_of.full(path) | {"description": words, "metadata": {words: words, "a": "b"}}
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
        parse(json.dumps(bodies_of.payment(TENANT, TENANT)).encode()),
        OPERATIONS["/v1/payments"].body,
        TODAY,
    )
    assert fingerprint("POST /v1/payments", values).hex() == PINNED


PINNED = "193614e9b6b2d91c553f8e00a6bbd8a24f28ad23e42e2a7bc1253edda6d19d02"
