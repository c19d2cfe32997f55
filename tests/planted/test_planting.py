"""The runner itself: the copy is what runs, and only a test that says so has caught a fault."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.planted.copied_tree import CopiedTree, copied
from tests.planted.fault import ROOT, Change, Fault, changed
from tests.planted.planting import come_of, unsound
from tests.planted.verdicts import Phase, is_catch

JOURNAL = "posting_engine/posting/journal.py"
OF_ENTRIES = "tests/posting/test_journal.py"
UNBALANCED = Fault(
    row="F54",
    planted="an entry may be built unbalanced",
    changes=(
        Change(JOURNAL, "        if any(difference_minor.values()):\n", "        if False:\n"),
    ),
    caught_by=(f"{OF_ENTRIES}::test_an_entry_that_does_not_balance_is_none",),
)
BLIND = (f"{OF_ENTRIES}::test_one_line_or_none_is_no_entry",)
ENDS_AT_ONCE = replace(
    UNBALANCED,
    changes=(
        Change(
            "posting_engine/__main__.py",
            "    try:\n        settings = Settings()",
            "    if EXPECTED:\n        return 77\n    try:\n        settings = Settings()",
        ),
    ),
)
AS_A_STACK_DOES = (
    "import subprocess, sys\n"
    "sys.exit(subprocess.run([sys.executable, '-P', '-m', 'posting_engine']).returncode)"
)


@pytest.fixture(scope="module")
def tree() -> Iterator[CopiedTree]:
    with copied() as made:
        yield made


def status_of_an_engine(tree: CopiedTree) -> int:
    """The exit status of an engine without settings, started by a process of the copy."""
    command = [str(tree.python), "-P", "-c", AS_A_STACK_DOES]
    return subprocess.run(command, env={}, capture_output=True, check=False).returncode


@pytest.mark.slow
def test_what_processes_of_the_copy_start_is_the_copy(tree: CopiedTree) -> None:
    assert status_of_an_engine(tree) == 2
    with tree.planted(ENDS_AT_ONCE):
        assert status_of_an_engine(tree) == 77
    assert status_of_an_engine(tree) == 2
    assert tree.started()["posting_engine"] == 3


@pytest.mark.slow
def test_a_fault_is_planted_in_the_copy_alone_and_taken_out_again(tree: CopiedTree) -> None:
    [(_, text)] = changed(UNBALANCED).items()
    before = (ROOT / JOURNAL).read_text("utf-8")
    with tree.planted(UNBALANCED):
        assert (tree.root / JOURNAL).read_text("utf-8") == text != before
        assert (ROOT / JOURNAL).read_text("utf-8") == before
    assert (tree.root / JOURNAL).read_text("utf-8") == before


@pytest.mark.slow
def test_only_a_test_that_notices_it_has_caught_a_fault(tree: CopiedTree) -> None:
    assert unsound(tree, [UNBALANCED]) == ""
    caught = come_of(tree, UNBALANCED)
    assert (caught.caught_by, caught.told) == (
        UNBALANCED.caught_by[0],
        "Failed: DID NOT RAISE BrokenInvariant",
    )

    missed = come_of(tree, replace(UNBALANCED, caught_by=BLIND))
    assert (missed.caught_by, missed.told) == ("", "every test passed")
    assert missed.line().endswith("| **NO** |")

    broken = replace(UNBALANCED, changes=(Change(JOURNAL, "class Entry:", "class Entries:"),))
    assert come_of(tree, broken).told.startswith("no test ran: ")
    moved = replace(UNBALANCED, changes=(Change(JOURNAL, "is not there", ""),))
    assert come_of(tree, moved).told.startswith(f"the code has moved: {JOURNAL} has 0 times")


@pytest.mark.slow
def test_tests_that_fail_while_nothing_is_planted_prove_nothing(tree: CopiedTree) -> None:
    with tree.planted(UNBALANCED):
        told = unsound(tree, [UNBALANCED])
    assert told.endswith(f"not passed while nothing was planted: {list(UNBALANCED.caught_by)}")
    gone = replace(UNBALANCED, caught_by=(f"{OF_ENTRIES}::test_that_is_gone",))
    assert "test_that_is_gone" in unsound(tree, [gone])


@pytest.mark.parametrize(
    ("when", "error", "told", "counts"),
    [
        ("call", "AssertionError", "assert 1 == 2", True),
        ("teardown", "AssertionError", "the books are not sound", True),
        ("setup", "AssertionError", "the stack does not start", False),
        ("call", "Failed", "Failed: DID NOT RAISE Fenced", True),
        ("call", "Failed", "Failed: Timeout (>180.0s) from pytest-timeout.", False),
        ("call", "NameError", "name 'x' is not defined", False),
        ("call", "BrokenInvariant", "no rule reverses it", True),
        ("setup", "BrokenInvariant", "no rule reverses it", False),
    ],
)
def test_what_counts_as_a_catch(when: str, error: str, told: str, counts: bool) -> None:
    phase = Phase("a test", when, "failed", error, told)
    assert is_catch(phase, errors=["BrokenInvariant"]) is counts
    assert not is_catch(replace(phase, outcome="passed"), errors=["BrokenInvariant"])
