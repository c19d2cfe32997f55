"""A token has one spelling: whatever differs from it by a character is another token."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from schemas.compact_jws import MalformedToken, decode_base64url
from schemas.problems import ProblemError
from tests.security.key_server import (
    CLAIMS,
    HEADER,
    RSA,
    TENANT,
    KeyServer,
    as_json,
    base64url,
    key_server,
    public,
    refusal,
    signature,
    signed,
    verifier_of,
    verify,
)

TOKEN: Final = signed(HEADER, CLAIMS)
PARTS: Final = TOKEN.split(".")
ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.fixture(scope="module")
def keys() -> Iterator[KeyServer]:
    with key_server() as server:
        server.publish(public(RSA, "one"))
        yield server


def signed_text(header: str, claims: str) -> str:
    """A token whose parts are spelt by the test, signed as they are spelt."""
    data = f"{header}.{claims}"
    return f"{data}.{base64url(signature(data.encode(), RSA, 'RS256'))}"


def padded(document: bytes, length_modulo_3: int) -> str:
    """base64url of a JSON object, made to end where bits are left over."""
    while len(document) % 3 != length_modulo_3:
        document = b" " + document
    return base64url(document)


def test_the_token_itself_is_taken(keys: KeyServer) -> None:
    assert verify(keys, TOKEN).tenant_id == TENANT
    assert verify(keys, signed_text(PARTS[0], padded(as_json(CLAIMS), 1))).tenant_id == TENANT


@pytest.mark.parametrize(
    "trick",
    [
        lambda text: text + "=",
        lambda text: text + "==",
        lambda text: text + "\n",
        lambda text: text[:8] + "\n" + text[8:],
        lambda text: text[:8] + " " + text[8:],
        lambda text: text[:8] + "%41" + text[8:],
        lambda text: text + "!",
        lambda text: text + "A",
        lambda text: text + "é",
        lambda text: "",
    ],
    ids=["=", "==", "line end", "line", "space", "percent", "!", "A", "é", "empty"],
)
@pytest.mark.parametrize("part", [0, 1, 2])
def test_base64_that_a_lenient_decoder_takes(
    keys: KeyServer, part: int, trick: Callable[[str], str]
) -> None:
    parts = list(PARTS)
    parts[part] = trick(parts[part])
    token = ".".join(parts) if part == 2 else signed_text(parts[0], parts[1])
    assert refusal(keys, f"Bearer {token}".encode()) == "token_invalid"


@pytest.mark.parametrize("left_over", [1, 2])
def test_bits_that_do_not_count_must_be_zero(keys: KeyServer, left_over: int) -> None:
    claims = padded(as_json(CLAIMS), left_over)
    last = ALPHABET.index(claims[-1])
    for bits in range(1, 16 if left_over == 1 else 4):
        spelling = claims[:-1] + ALPHABET[last | bits]
        assert refusal(keys, signed_text(PARTS[0], spelling)) == "token_invalid"


@pytest.mark.parametrize("part", ["e31", "e30=", "e3 0", "e3\n0", "e-0+", "", "e", "é30"])
def test_the_parser_refuses_them_itself_whatever_the_library_takes(part: str) -> None:
    assert decode_base64url("e30") == b"{}"
    with pytest.raises(MalformedToken):
        decode_base64url(part)


def test_the_other_base64_alphabet(keys: KeyServer) -> None:
    claims = base64url(as_json(CLAIMS | {"x": "~~~???~~~???"}))
    assert set("-_") & set(claims)
    standard = claims.replace("-", "+").replace("_", "/")
    assert refusal(keys, signed_text(PARTS[0], standard)) == "token_invalid"


@pytest.mark.parametrize(
    "token",
    [
        ".".join(PARTS[:2]),
        f"{TOKEN}.",
        f".{TOKEN}",
        f"{TOKEN}.{PARTS[2]}",
        f"{PARTS[0]}.{PARTS[1]}.",
        f"{PARTS[0]}..{PARTS[2]}",
        f"{TOKEN}, Bearer {TOKEN}",
        ".." + PARTS[2],
        '{"protected":"e30","payload":"e30","signature":""}',
    ],
    ids=lambda token: str(token.count(".")),
)
def test_other_than_three_parts(keys: KeyServer, token: str) -> None:
    assert refusal(keys, token) == "token_invalid"


def test_a_token_has_at_most_8192_characters(keys: KeyServer) -> None:
    token = signed(HEADER, CLAIMS)
    filler = "x" * ((8_192 - len(token)) * 3 // 4 - 16)
    token = signed(HEADER, CLAIMS | {"filler": filler})
    assert 8_100 < len(token) <= 8_192
    assert verify(keys, token).tenant_id == TENANT
    assert refusal(keys, signed(HEADER, CLAIMS | {"filler": filler + "x" * 100})) == "token_invalid"


def test_no_single_character_can_be_changed(keys: KeyServer) -> None:
    async def answers() -> set[str]:
        verifier = verifier_of(keys)
        found = set()
        for place, character in enumerate(TOKEN):
            other = ALPHABET[ALPHABET.find(character) ^ 1] if character != "." else "_"
            changed = TOKEN[:place] + other + TOKEN[place + 1 :]
            try:
                await verifier.verify([f"Bearer {changed}".encode()])
                found.add(changed)
            except ProblemError as error:
                found.add(error.problem.code)
        return found

    assert asyncio.run(answers()) == {"token_invalid"}
