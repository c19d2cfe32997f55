"""Planting faults one by one in a copy of the tree, and what came of each."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.planted.copied_tree import CopiedTree
from tests.planted.fault import Fault, Moved
from tests.planted.verdicts import Phase, is_catch

ENVIRONMENT: Final[Mapping[str, str]] = {"SIMULATE_SECONDS": "90", "SIMULATE_SEEDS": "60"}
"""Fewer seeds than by themselves: most faults show in the first ten."""

HEAD: Final = "| row | planted | noticed by | seconds | caught |\n|---|---|---|---|---|"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one planted fault. `caught_by` is the test that noticed it, empty for none;
    `told` what that test said, or why nothing counts as a catch.
    """

    fault: Fault
    caught_by: str
    told: str
    seconds: float

    def line(self) -> str:
        """A line of the table."""
        by = f"`{self.caught_by.removeprefix('tests/')}`" if self.caught_by else self.told
        caught = "yes" if self.caught_by else "**NO**"
        cells = (self.fault.row, self.fault.planted, by, f"{self.seconds:.0f}", caught)
        return f"| {' | '.join(cells)} |"


def unsound(tree: CopiedTree, faults: Sequence[Fault]) -> str:
    """Why the tests of these faults prove nothing: what does not pass while nothing is planted.

    Empty when all of them pass.
    """
    tests = list(dict.fromkeys(test for fault in faults for test in fault.caught_by))
    if not tests:
        return ""
    phases, printed = tree.run(tests, environment=ENVIRONMENT)
    passed = {phase.test for phase in phases if (phase.when, phase.outcome) == ("call", "passed")}
    failed = [phase.test for phase in phases if phase.outcome == "failed"]
    missing = [test for test in tests if not any(_is_of(test, name) for name in passed)]
    if failed or missing:
        return f"{printed[-6_000:]}\nnot passed while nothing was planted: {failed or missing}"
    return ""


def _is_of(wanted: str, test: str) -> bool:
    """Whether a test is the one wanted, or that with one of its parameters."""
    return test == wanted or test.startswith(f"{wanted}[")


def come_of(tree: CopiedTree, fault: Fault) -> Result:
    """Plant a fault, run its tests until one fails, and take it out again."""
    begun = time.monotonic()
    try:
        with tree.planted(fault):
            phases, printed = tree.run(fault.caught_by, "-x", environment=ENVIRONMENT)
    except Moved as moved:
        return Result(fault, "", f"the code has moved: {_line(str(moved))}", 0.0)
    seconds = time.monotonic() - begun
    caught = next((phase for phase in phases if is_catch(phase, fault.errors)), None)
    if caught is not None:
        return Result(fault, caught.test, _line(caught.told), seconds)
    return Result(fault, "", _why_not(phases, printed), seconds)


def _why_not(phases: Iterable[Phase], printed: str) -> str:
    failed = next((phase for phase in phases if phase.outcome == "failed"), None)
    if failed is not None:
        return f"failed otherwise in {failed.when} of {failed.test}: {_line(failed.told)}"
    if any(phase.when == "call" for phase in phases):
        return "every test passed"
    return f"no test ran: {_line(printed[-300:])}"


def _line(told: str) -> str:
    return " ".join(told.split())[:240].replace("|", "/")
