"""docs/reference/problems.md: every problem code and every code in `errors`."""

from schemas.fault_codes import FAULTS
from schemas.problem_codes import CATALOGUE, REFUSALS

HEAD = """\
# Problems

Every answer that is not a success is a problem document (RFC 9457, `application/problem+json`). Its
`code` is one of these; its `type` is a page of the running service that says the same
(`/v1/problems/{code}`). A refusal by a business rule is remembered: the same request again gets the
same answer.

This page is made by `python -m hpts.reference` from `schemas/problem_codes.py`.
"""


def page() -> str:
    """The whole page."""
    tables = {
        "Refusals by a business rule": [code for code in CATALOGUE if code in REFUSALS],
        "All others": [code for code in CATALOGUE if code not in REFUSALS],
    }
    parts = [HEAD]
    for title, codes in tables.items():
        rows = "".join(
            f"| `{code}` | {CATALOGUE[code].status} | {CATALOGUE[code].explanation} |\n"
            for code in sorted(codes)
        )
        parts.append(
            f"## {title}\n\n| code | status | what happened, and what to do |\n"
            f"|---|---|---|\n{rows}"
        )
    faults = "".join(f"- `{code}`\n" for code in sorted(FAULTS))
    parts.append(f"## Codes in `errors`\n\n{faults}")
    return "\n".join(parts)
