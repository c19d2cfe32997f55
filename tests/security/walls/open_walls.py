"""The API as it is, but without the tenant in its queries.

`python -m tests.security.walls.open_walls`. The other wall, row-level security, is opened by the
role in the connection string. With `WALLS_KEEP_UNSHIELDED=1` the filter stays in those
statements that read what has no row-level security behind it (reservations, batches, settings:
decision 0041).
"""

import os
import re
import sys
from typing import Final

import ingress_api.store
import read_api.store
from hpts.local.api import main

FILTER: Final = re.compile(r"\btenant_id = %\(tenant_id\)s")
UNSHIELDED: Final = re.compile(
    r"\bFROM (idempotency_reservations|accrual_batches|tenant_settings)\b"
)


def without_filter(statements: dict[str, str], *, keeps_unshielded: bool) -> int:
    """Take the filter out of every statement that only reads; in how many it was."""
    changed = 0
    for name, statement in statements.items():
        code = re.sub(r"--.*", "", statement)
        if re.search(r"\b(INSERT|UPDATE|DELETE|COPY)\b", code):
            continue
        if keeps_unshielded and UNSHIELDED.search(code):
            continue
        # The parameter stays, with its type, and every tenant passes.
        opened = FILTER.sub("tenant_id = coalesce(tenant_id, %(tenant_id)s)", statement)
        opened = re.sub(
            r"(\w+)\.tenant_id = coalesce\(tenant_id",
            r"\1.tenant_id = coalesce(\1.tenant_id",
            opened,
        )
        changed += opened != statement
        statements[name] = opened
    return changed


if __name__ == "__main__":
    keeps = os.environ.get("WALLS_KEEP_UNSHIELDED") == "1"
    for edge in (read_api.store, ingress_api.store):
        if not without_filter(edge.SQL, keeps_unshielded=keeps):  # type: ignore[arg-type]
            sys.exit(f"{edge.__name__} filters by no tenant any more: nothing would be proven")
    sys.exit(main())
