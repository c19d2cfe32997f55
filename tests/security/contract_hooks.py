"""What Schemathesis is told beside the contract: what exists, what not to ask, what to write down.

Loaded by Schemathesis itself (`SCHEMATHESIS_HOOKS`), in its own process. `CONTRACT_FUZZ_TOLD` names
the file that every POST which may have posted is written to, a JSON document a line;
`CONTRACT_FUZZ_KNOWN` is JSON: the name of a member or parameter -> a value that exists.
"""

import json
import os
import random
import re
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import schemathesis

TOLD: Final = Path(os.environ["CONTRACT_FUZZ_TOLD"])
KNOWN: Final[dict[str, str]] = json.loads(os.environ["CONTRACT_FUZZ_KNOWN"])
POSITIONS: Final = re.compile(r"[0-9]+:[0-9]+(,[0-9]+:[0-9]+)*", re.ASCII)
WELL_FORMED: Final = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[A-Z]{3}|[0-9-]{10}|0", re.ASCII
)
KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:\-]{7,254}", re.ASCII)
CHANCE: Final = random.Random(8)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Now and then what is well formed becomes what exists, so that something can post.

    A position that nothing has reached is waited for, and answered with a deliberate 503.
    """
    del context, kwargs
    asked = str((case.headers or {}).get("HPTS-Min-Position", ""))
    if POSITIONS.fullmatch(asked) is not None:
        del case.headers["HPTS-Min-Position"]
    if KEY.fullmatch(str((case.headers or {}).get("Idempotency-Key", ""))) is not None:
        # It draws the same few again and again, and most would be another's.
        case.headers["Idempotency-Key"] = f"schema:{uuid4()}"
    for values in (case.body, case.path_parameters):
        if isinstance(values, dict) and CHANCE.random() < 0.7:
            for name in values.keys() & KNOWN.keys():
                given = values[name]
                if isinstance(given, str) and WELL_FORMED.fullmatch(given) is not None:
                    values[name] = KNOWN[name]


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Write down what was accepted, as it was sent."""
    del context, case
    request = response.request
    is_replay = "idempotency-replayed" in response.headers
    if request.method != "POST" or response.status_code >= 300 or is_replay:
        return
    body = request.body.encode() if isinstance(request.body, str) else request.body or b""
    written = {
        "path": request.path_url,
        "body": body.decode("utf-8", "replace"),
        "status": response.status_code,
        "answer": response.json(),
    }
    with TOLD.open("a", encoding="utf-8") as told:
        told.write(json.dumps(written) + "\n")


@schemathesis.serializer("application/x-ndjson")
def lines(context: Any, value: Any) -> bytes:
    """Lines are sent as they were drawn."""
    del context
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
