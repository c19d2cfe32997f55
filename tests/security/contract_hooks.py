"""What Schemathesis is told beside the contract: which answers to write down, and what not to ask.

Loaded by Schemathesis itself (`SCHEMATHESIS_HOOKS`), in its own process. `CONTRACT_FUZZ_TOLD` names
the file that every POST which may have posted is written to, a JSON document a line.
"""

import json
import os
import re
from typing import Any, Final

import schemathesis

TOLD: Final = os.environ["CONTRACT_FUZZ_TOLD"]
POSITIONS: Final = re.compile(r"[0-9]+:[0-9]+(,[0-9]+:[0-9]+)*", re.ASCII)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """A position that nothing has reached is waited for, and answered with a deliberate 503."""
    del context, kwargs
    asked = str((case.headers or {}).get("HPTS-Min-Position", ""))
    if POSITIONS.fullmatch(asked) is not None:
        del case.headers["HPTS-Min-Position"]


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
    with open(TOLD, "a", encoding="utf-8") as told:  # noqa: PTH123
        told.write(json.dumps(written) + "\n")


@schemathesis.serializer("application/x-ndjson")
def lines(context: Any, value: Any) -> bytes:
    """Lines are sent as they were drawn."""
    del context
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
