"""Runbooks quote what the programs say and name commands that exist: neither may drift."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from hpts.cli import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "operations").glob("*.md"))
SERVICES = ("schemas", "hpts", "ingress_api", "posting_engine", "read_api")


def said() -> Iterator[str]:
    """Every text of our programs; what is filled in stands as an ellipsis."""
    for package in SERVICES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value
                elif isinstance(node, ast.JoinedStr):
                    yield "".join(
                        str(part.value) if isinstance(part, ast.Constant) else "…"
                        for part in node.values
                    )


SAID = tuple(said())


def fenced(page: Path, language: str) -> list[str]:
    """The lines of a page's blocks of one language."""
    text = re.sub(r"(?m)^ {3}", "", page.read_text("utf-8"))
    blocks = re.findall(rf"(?ms)^```{language}\n(.*?)^```", text)
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_every_message_is_one_that_is_said(page: Path) -> None:
    unknown = [line for line in fenced(page, "text") if not any(line in text for text in SAID)]
    assert unknown == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_every_command_is_there_with_its_options(page: Path) -> None:
    command = typer.main.get_command(app)
    known = command.commands  # type: ignore[attr-defined]
    quoted = re.findall(r"`(hpts [a-z][^`]*)`", page.read_text("utf-8"))
    lines = [*fenced(page, "bash"), *(" ".join(line.split()) for line in quoted)]
    assert lines or page.stem == "README"
    for line in lines:
        program, name, *rest = line.split()
        assert program == "hpts"
        assert name in known, line
        options = {o for p in known[name].params for o in p.opts}
        given = {word for word in rest if word.startswith("--")}
        assert given <= options, line


def test_links_lead_somewhere() -> None:
    pages = [*PAGES, ROOT / "docs" / "archive.md"]
    broken = [
        f"{page.name}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8"))
        if not (page.parent / target).exists()
    ]
    named = {
        (page.name, *name)
        for page in pages
        for name in re.findall(r"`tests/([\w/]+\.py)::(\w+)`", page.read_text("utf-8"))
        if f"def {name[1]}(" not in (ROOT / "tests" / name[0]).read_text("utf-8")
    }
    assert (broken, named) == ([], set())
