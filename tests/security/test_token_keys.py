"""The issuer's keys: fetched seldom, judged before use, replaced without a gap; and the cache."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from schemas.access_token import TokenVerifier
from schemas.key_set import KeySetRefused, algorithms_in, read
from schemas.problems import ProblemError
from tests.security.key_server import (
    CLAIMS,
    EC,
    ED,
    HEADER,
    NOW,
    OTHER_RSA,
    RSA,
    WEAK_RSA,
    KeyServer,
    key_server,
    public,
    signed,
)


class Clock:
    """The two clocks of a verifier, moved by hand."""

    def __init__(self) -> None:
        self.seconds = float(NOW)

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def keys() -> Iterator[KeyServer]:
    with key_server() as server:
        server.publish(public(RSA, "one"))
        yield server


def run(
    url: str, story: Callable[[TokenVerifier, Clock], Awaitable[None]], algorithm: str = "RS256"
) -> None:
    """Tell a story with one started verifier and its clock."""

    async def told() -> None:
        clock = Clock()
        verifier = TokenVerifier(
            issuer=CLAIMS["iss"],
            audience=CLAIMS["aud"],
            jwks_url=url,
            algorithm=algorithm,
            now=clock,
            monotonic=clock,
        )
        await verifier.start()
        try:
            await story(verifier, clock)
        finally:
            await verifier.stop()

    asyncio.run(told())


async def answer(verifier: TokenVerifier, token: str) -> str:
    """ "ok" or the code of the refusal."""
    try:
        await verifier.verify([f"Bearer {token}".encode()])
    except ProblemError as error:
        return error.problem.code
    return "ok"


ONE = signed(HEADER, CLAIMS)
TWO = signed(HEADER | {"kid": "two"}, CLAIMS, OTHER_RSA)


def test_ten_thousand_unknown_key_ids_are_one_fetch_per_interval(keys: KeyServer) -> None:
    strangers = [signed(HEADER | {"kid": f"k{n}"}, CLAIMS).rpartition(".")[0] for n in range(20)]

    async def story(verifier: TokenVerifier, clock: Clock) -> None:
        assert keys.fetches == 1
        for interval in range(1, 4):
            clock.seconds += 10
            storm = (answer(verifier, f"{strangers[n % 20]}.{'A' * 342}") for n in range(3_334))
            assert set(await asyncio.gather(*storm)) == {"token_invalid"}
            assert keys.fetches == 1 + interval
        clock.seconds += 9.9
        assert await answer(verifier, TWO) == "token_invalid"
        assert keys.fetches == 4

    run(keys.url, story)


def test_known_keys_are_fetched_once(keys: KeyServer) -> None:
    async def story(verifier: TokenVerifier, clock: Clock) -> None:
        for jti in range(20):
            assert await answer(verifier, signed(HEADER, CLAIMS | {"jti": str(jti)})) == "ok"
            clock.seconds += 30
        assert keys.fetches == 1

    run(keys.url, story)


def test_a_new_key_is_found_by_its_first_token_and_the_old_one_goes(keys: KeyServer) -> None:
    async def story(verifier: TokenVerifier, clock: Clock) -> None:
        assert await answer(verifier, ONE) == "ok"
        keys.publish(public(RSA, "one"), public(OTHER_RSA, "two"))
        clock.seconds += 10
        assert [await answer(verifier, one) for one in (TWO, ONE)] == ["ok", "ok"]
        keys.publish(public(OTHER_RSA, "two"))
        clock.seconds += 10
        assert await answer(verifier, signed(HEADER | {"kid": "three"}, CLAIMS)) == "token_invalid"
        # The withdrawn key takes the remembered tokens with it.
        assert [await answer(verifier, one) for one in (TWO, ONE)] == ["ok", "token_invalid"]

    run(keys.url, story)


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"<html>", b'{"keys":[]}'])
@pytest.mark.parametrize("status", [200, 302, 500])
def test_keys_held_survive_an_issuer_that_fails(keys: KeyServer, status: int, body: bytes) -> None:
    async def story(verifier: TokenVerifier, clock: Clock) -> None:
        keys.status, keys.body = status, body
        clock.seconds += 10
        assert await answer(verifier, TWO) == "token_invalid"
        assert keys.fetches == 2
        assert await answer(verifier, ONE) == "ok"
        assert verifier.fault is None

    run(keys.url, story)


def test_without_any_key_no_token_is_judged_until_the_issuer_is_back(keys: KeyServer) -> None:
    keys.status = 503

    async def story(verifier: TokenVerifier, clock: Clock) -> None:
        assert verifier.fault is not None
        assert await answer(verifier, ONE) == "not_ready"
        assert await answer(verifier, "not.a.token") == "token_invalid"
        keys.status = 200
        clock.seconds += 1
        assert await answer(verifier, ONE) == "ok"
        assert verifier.fault is None

    run(keys.url, story)


def test_an_issuer_that_is_not_there_is_503_not_401() -> None:
    with key_server() as server:
        url = server.url

    async def story(verifier: TokenVerifier, clock: Clock) -> None:
        with pytest.raises(ProblemError) as raised:
            await verifier.verify([f"Bearer {ONE}".encode()])
        problem = raised.value.problem
        assert (problem.status, problem.headers["Retry-After"]) == (503, "1")

    run(url, story)


def test_those_who_wait_for_a_silent_issuer_share_one_attempt(
    keys: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The wait for an answer is longer than the interval between attempts.
    monkeypatch.setattr("schemas.key_set.FETCH_TIMEOUT_S", 0.4)
    monkeypatch.setattr("schemas.access_token.RETRY_EVERY_S", 0.25)
    keys.delay_s = 5.0

    async def story() -> None:
        verifier = TokenVerifier(
            issuer=CLAIMS["iss"], audience=CLAIMS["aud"], jwks_url=keys.url, now=Clock()
        )
        answers = await asyncio.gather(*(answer(verifier, ONE) for _ in range(20)))
        assert set(answers) == {"not_ready"}
        assert keys.fetches == 1

    asyncio.run(story())


def test_a_remembered_token_ends_when_it_expires(keys: KeyServer) -> None:
    async def story(verifier: TokenVerifier, clock: Clock) -> None:
        token = signed(HEADER, CLAIMS | {"exp": NOW + 60})
        assert await answer(verifier, token) == "ok"
        clock.seconds = NOW + 69.9
        assert await answer(verifier, token) == "ok"
        clock.seconds = NOW + 70
        assert [await answer(verifier, token) for _ in range(2)] == ["token_expired"] * 2

    run(keys.url, story)


def test_a_remembered_token_is_answered_without_waiting(keys: KeyServer) -> None:
    async def story(verifier: TokenVerifier, clock: Clock) -> None:
        assert await answer(verifier, ONE) == "ok"
        with pytest.raises(StopIteration):
            verifier.verify([f"Bearer {ONE}".encode()]).send(None)

    run(keys.url, story)


def test_tokens_are_remembered_up_to_a_bound(
    keys: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schemas.access_token.REMEMBERED_TOKENS", 3)

    async def story(verifier: TokenVerifier, clock: Clock) -> None:
        for jti in range(5):
            assert await answer(verifier, signed(HEADER, CLAIMS | {"jti": str(jti)})) == "ok"
        assert len(verifier._remembered) == 3

    run(keys.url, story)


def test_an_issuer_moves_to_another_algorithm_without_an_outage(keys: KeyServer) -> None:
    """Both are taken for a while, each for its own type of key and for no other."""
    curved = HEADER | {"alg": "ES256", "kid": "curve"}
    new = signed(curved, CLAIMS, EC, "ES256")
    disguised = [
        signed(HEADER | {"alg": "ES256"}, CLAIMS),
        signed(curved | {"alg": "RS256"}, CLAIMS, EC, "ES256"),
        signed(HEADER | {"kid": "curve"}, CLAIMS),
        signed(curved | {"kid": "one"}, CLAIMS, EC, "ES256"),
    ]

    async def story(verifier: TokenVerifier, clock: Clock) -> None:
        assert await answer(verifier, ONE) == "ok"
        keys.publish(public(RSA, "one"), public(EC, "curve"))
        clock.seconds += 10
        assert [await answer(verifier, one) for one in (new, ONE)] == ["ok", "ok"]
        assert {await answer(verifier, one) for one in disguised} == {"token_invalid"}
        keys.publish(public(EC, "curve"))
        clock.seconds += 10
        assert await answer(verifier, TWO) == "token_invalid"
        assert [await answer(verifier, one) for one in (new, ONE)] == ["ok", "token_invalid"]

    run(keys.url, story, "RS256,ES256")


@pytest.mark.parametrize("setting", ["RS256,PS256", "RS256,RS256", "RS256,none", "RS256,", ""])
def test_one_type_of_key_has_one_algorithm(setting: str) -> None:
    with pytest.raises(ValueError):
        algorithms_in(setting)


GOOD = public(RSA, "one")


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ([GOOD, public(OTHER_RSA, "one")], "same id"),
        ([GOOD, GOOD], "same id"),
        ([GOOD, public(WEAK_RSA, "two")], "too weak"),
        ([GOOD | {"e": "Aw"}], "too weak"),
        ([GOOD, public(EC, "two")], "type"),
        ([GOOD, {"kty": "oct", "kid": "two", "k": "AAAA"}], "symmetric or private"),
        ([GOOD | {"d": "AAAA"}], "symmetric or private"),
        ([GOOD | {"use": "enc"}], "another use"),
        ([GOOD | {"key_ops": ["sign"]}], "another use"),
        ([GOOD | {"alg": "PS256"}], "another use"),
        ([GOOD | {"alg": "HS256"}], "another use"),
        ([GOOD | {"crv": "P-256"}], "type"),
        ([GOOD | {"kty": ["RSA"]}], "type"),
        ([GOOD | {"n": GOOD["n"] + "="}], "malformed"),
        ([GOOD | {"n": None}], "malformed"),
        ([GOOD | {"kid": 1}], "no id"),
        ([{name: value for name, value in GOOD.items() if name != "kid"}], "no id"),
        ([None], "no id"),
        ([], "no keys"),
    ],
)
def test_a_set_with_one_bad_key_is_refused_whole(members: list[Any], why: str) -> None:
    with pytest.raises(KeySetRefused, match=why):
        read(json.dumps({"keys": members}).encode(), algorithms_in("RS256"))


def test_a_set_with_duplicate_members_is_refused() -> None:
    with pytest.raises(KeySetRefused, match="strict JSON"):
        read(b'{"keys": [], "keys": [%s]}' % json.dumps(GOOD).encode(), algorithms_in("RS256"))


@pytest.mark.parametrize(
    ("algorithm", "member"),
    [
        ("ES256", public(EC, "one", crv="P-384")),
        ("ES256", public(EC, "one", crv="secp256k1")),
        ("ES256", public(EC, "one", x=public(EC, "one")["y"])),
        ("ES256", public(RSA, "one")),
        ("EdDSA", public(ED, "one", crv="X25519")),
        ("EdDSA", public(ED, "one", crv="Ed448")),
        ("EdDSA", public(ED, "one", x="AAAA")),
        ("PS256", public(RSA, "one", alg="RS256")),
    ],
)
def test_a_key_of_another_curve_or_type_is_refused(algorithm: str, member: dict[str, Any]) -> None:
    with pytest.raises(KeySetRefused):
        read(json.dumps({"keys": [member]}).encode(), algorithms_in(algorithm))
