"""A pytest plugin that writes what came of each phase of each test, and what counts as caught.

`pytest -p tests.planted.verdicts` with HPTS_PLANTED_REPORT naming a file: one JSON line a phase.
A test notices a fault by an assertion, or by an error that the fault names. Anything else (an
import that fails, a name that is not there, a fixture, a timeout) is no proof of anything.
"""

import json
import os
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

REPORT = "HPTS_PLANTED_REPORT"
ASSERTED = ("AssertionError", "Failed")
"""A failed `assert`, and `pytest.fail` or a `pytest.raises` that nothing raised in."""


@dataclass(frozen=True, slots=True)
class Phase:
    """Setup, call or teardown of one test. `error` is the exception's type, `told` its words."""

    test: str
    when: str
    outcome: str
    error: str
    told: str


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write the phase down at once: the process may not come to an orderly end."""
    report = yield
    told = "" if call.excinfo is None else call.excinfo.exconly()
    error = "" if call.excinfo is None else call.excinfo.typename
    phase = Phase(item.nodeid, report.when, report.outcome, error, told)
    with Path(os.environ[REPORT]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(phase)) + "\n")
    return report


def phases_in(report: Path) -> list[Phase]:
    """What was written so far."""
    lines = report.read_text("utf-8").splitlines() if report.exists() else []
    found: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return [Phase(**members) for members in found]


def is_catch(phase: Phase, errors: Sequence[str] = ()) -> bool:
    """Whether the test has noticed the fault, for a reason that says so."""
    if phase.outcome != "failed" or phase.when == "setup":
        return False
    if phase.error == "Failed" and "from pytest-timeout" in phase.told:
        return False
    return phase.error in (*ASSERTED, *errors)
