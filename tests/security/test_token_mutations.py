"""No change of a token, of its bytes or of what its parts say, makes another token of it.

HPTS_TOKEN_MUTATIONS makes it longer.
"""

import asyncio
import json
import os
import random
from base64 import urlsafe_b64decode
from collections import Counter
from typing import Any, Final

from schemas.problems import ProblemError
from tests.security.key_server import (
    CLAIMS,
    EC,
    HEADER,
    OTHER_RSA,
    RSA,
    base64url,
    key_server,
    public,
    signed,
    verifier_of,
)
from tests.security.mutated import EDITS

MUTATIONS: Final = int(os.environ.get("HPTS_TOKEN_MUTATIONS", "20000"))
TOKEN: Final = signed(HEADER, CLAIMS)
VALUES: Final[tuple[Any, ...]] = (
    *(None, True, 0, -1, 1e308, 10**30, "", "none", "HS256", "ES256", [], {}, ["hpts"]),
    *("one", "two", "at+jwt", "*", "hpts:operations:write", "00000000-0000-0000-0000-000000000000"),
)


def by_bytes(chance: random.Random) -> bytes:
    token = TOKEN.encode()
    for _ in range(chance.choice((1, 1, 2, 4))):
        token = chance.choice(EDITS)(chance, token) or token
    return token


def by_words(chance: random.Random) -> bytes:
    """Another header or other claims, under the signature there was, none, or a stranger's."""
    parts = TOKEN.split(".")
    number = chance.randrange(2)
    members = json.loads(urlsafe_b64decode(parts[number] + "=="))
    name = chance.choice([*members, "crit", "jwk", "operator", "cnf", "scope", "tenant_id"])
    if chance.random() < 0.2:
        members.pop(name, None)
    else:
        members[name] = chance.choice(VALUES)
    parts[number] = base64url(json.dumps(members).encode())
    how = chance.random()
    if how < 0.2:
        header, claims = (json.loads(urlsafe_b64decode(part + "==")) for part in parts[:2])
        return signed(header, claims, chance.choice((OTHER_RSA, EC))).encode()
    return ".".join([*parts[:2], parts[2] if how < 0.8 else ""]).encode()


def test_no_mutated_token_is_taken() -> None:
    chance = random.Random(8)

    async def tried() -> Counter[str]:
        answers: Counter[str] = Counter()
        with key_server() as keys:
            keys.publish(public(RSA, "one"))
            verifier = verifier_of(keys)
            assert (await verifier.verify([f"Bearer {TOKEN}".encode()])).actor == "loan-desk"
            for _ in range(MUTATIONS):
                token = chance.choice((by_bytes, by_words))(chance)
                try:
                    await verifier.verify([b"Bearer " + token])
                except ProblemError as refused:
                    answers[refused.problem.code] += 1
                else:
                    assert token.strip(b" ") == TOKEN.encode(), token
                    answers["the token itself"] += 1
            assert keys.fetches <= 2
        return answers

    answers = asyncio.run(tried())
    print(f"{MUTATIONS} mutations: {dict(answers)}")
    assert answers["token_invalid"] > 0.9 * MUTATIONS
    assert answers.keys() <= {"token_invalid", "token_missing", "the token itself"}
