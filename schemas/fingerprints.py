"""What a request means, in 32 bytes: tells a retry from another request under the same key. Pure.

Stored for ever with every outcome, so this form must never change. Ingress and direct producers
make the same one of the same batch.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any


def fingerprint(route: str, values: Mapping[str, Any]) -> bytes:
    """SHA-256 over the route with its path parameters and the canonical members.

    Canonical: checked values, so ids are in lower case and amounts and dates have one spelling;
    members sorted; JSON in ASCII.
    """
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), default=str)
    return sha256(route.encode() + b"\0" + canonical.encode()).digest()
