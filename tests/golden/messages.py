"""Messages with their bytes, as a release wrote them; values as JSON that does not depend on it."""

from typing import Any

import msgspec

from schemas import codec


def told(message: codec.Message) -> dict[str, Any]:
    """A message in JSON's own types; bytes as base64, instants and ids as text."""
    value: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(message))
    return {"type": type(message).__name__, "value": value}


def recorded(message: codec.Message) -> dict[str, Any]:
    """A message with its bytes."""
    return {**told(message), "bytes": codec.encode(message).hex()}
