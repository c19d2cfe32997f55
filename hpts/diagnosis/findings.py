"""One thing that was looked at, and what to do where it is not well."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """`WARN` works, and should be mended; `FAIL` does not work, or is not safe for money."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    area: str
    name: str
    state: State
    told: str
    to_do: str = ""


def judged(area: str, name: str, told: str, *, fail: str = "", warn: str = "") -> Finding:
    """`fail` or `warn` say what to do; without either it is well."""
    if fail:
        return Finding(area, name, State.FAIL, told, fail)
    return Finding(area, name, State.WARN if warn else State.OK, told, warn)
