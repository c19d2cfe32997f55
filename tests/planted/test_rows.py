"""The table is whole and can be planted: every row, every change, every test that it names."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.planted.fault import ROOT, Moved, changed
from tests.planted.rows import DO_NOT_APPLY, FAULTS, ROWS

CATALOGUE = ROOT / "docs" / "reliability-catalogue.md"
NODE = re.compile(r"(?P<file>tests/[a-z_/]+\.py)::(?P<function>test_\w+)(\[(?P<parameter>.+)\])?")


def run(module: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-P", "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_every_row_is_planted_or_says_why_it_cannot_be() -> None:
    planted = {fault.row for fault in FAULTS}
    assert planted | DO_NOT_APPLY.keys() == set(ROWS)
    assert planted & DO_NOT_APPLY.keys() == set()
    assert all(len(why) > 20 for why in DO_NOT_APPLY.values())
    assert [fault.row for fault in FAULTS] == sorted(fault.row for fault in FAULTS)


def test_the_rows_are_those_of_the_catalogue() -> None:
    told = re.findall(r"^\| (F\d\d) \|", CATALOGUE.read_text("utf-8"), re.MULTILINE)
    assert told == list(ROWS)


def test_no_fault_is_there_twice() -> None:
    assert len({fault.planted for fault in FAULTS}) == len(FAULTS)
    assert len({fault.changes for fault in FAULTS}) == len(FAULTS)


def test_every_change_finds_what_it_replaces_exactly_once() -> None:
    moved = []
    for fault in FAULTS:
        try:
            texts = changed(fault)
        except Moved as error:
            moved.append(f"{fault.row}: {error}")
        else:
            same = [path for path, text in texts.items() if text == path.read_text("utf-8")]
            moved += [f"{fault.row}: {path} is not changed" for path in same]
    assert moved == []


def test_what_is_planted_is_code_that_runs(tmp_path: Path) -> None:
    """Else it would be caught for a name that is not there, and prove nothing."""
    for number, fault in enumerate(FAULTS):
        for path, text in changed(fault).items():
            if path.suffix == ".py":
                (tmp_path / f"{number}_{path.name}").write_text(text, "utf-8")
    checked = run("ruff", "check", "--isolated", "--select=E9,F63,F7,F82", str(tmp_path))
    assert checked.returncode == 0, checked.stdout


def test_every_test_that_is_named_exists() -> None:
    """By its name in its file. That pytest finds it, parameters too, is seen before planting."""
    named = {test for fault in FAULTS for test in fault.caught_by}
    assert [test for test in sorted(named) if not _exists(test)] == []


def _exists(test: str) -> bool:
    name = NODE.fullmatch(test)
    assert name is not None, test
    source = (ROOT / name["file"]).read_text("utf-8")
    functions = {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    return name["function"] in functions and (name["parameter"] or "") in source


def test_a_change_whose_text_is_not_there_once_says_so() -> None:
    fault = FAULTS[0]
    [change] = fault.changes
    for text, count in (("", 0), (change.old * 2, 2)):
        with pytest.raises(Moved, match=f"{change.file} has {count} times what is to be replaced"):
            change.applied_to(text)
    assert change.applied_to(f"a{change.old}b") == f"a{change.new}b"


def test_all_rows_of_the_list_can_be_asked_for() -> None:
    listed = run("tests.planted", "--list")
    assert listed.returncode == 0, listed.stderr
    assert set(_rows_in(listed.stdout.splitlines())) == set(ROWS)
    some = run("tests.planted", "F18", "F74", "--list")
    assert set(_rows_in(some.stdout.splitlines())) == {"F18", "F74"}
    unknown = run("tests.planted", "F99")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert unknown.stderr.startswith("not known: F99")


def _rows_in(lines: Iterable[str]) -> list[str]:
    return [line[:3] for line in lines if re.match(r"F\d\d ", line)]
