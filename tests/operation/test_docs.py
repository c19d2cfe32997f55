"""The docs site builds without a warning, every link in it leads somewhere, its blocks run."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from mkdocs.exceptions import PluginError

from tests.edges.new_tenant import client_of_new_tenant

ROOT = Path(__file__).resolve().parents[2]
GUIDES = [
    path
    for path in sorted((ROOT / "docs" / "guides").glob("*.md"))
    if "```bash" in path.read_text("utf-8")
]
BASH = re.compile(r"```bash\n(.*?)```", re.DOTALL)


def build(folder: Path, config: Path) -> "subprocess.CompletedProcess[str]":
    """Build the site strictly."""
    command = [sys.executable, "-P", "-m", "mkdocs", "build", "--strict"]
    return subprocess.run(
        [*command, "--config-file", str(config), "--site-dir", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_site_builds_strictly(tmp_path: Path) -> None:
    built = build(tmp_path / "site", ROOT / "mkdocs.yml")
    assert built.returncode == 0, built.stderr
    assert "WARNING -" not in built.stderr
    start = (tmp_path / "site" / "start.html").read_text("utf-8")
    assert 'href="architecture.html"' in start
    assert "schemas/openapi.json" in start


def test_links_that_lead_nowhere_end_the_build() -> None:
    from mkdocs.structure.files import File, Files

    hook: dict[str, Any] = {"__file__": str(ROOT / "docs" / "outside.py")}
    exec((ROOT / "docs" / "outside.py").read_text("utf-8"), hook)

    class PageOf:
        file = File("operations/README.md", str(ROOT / "docs"), "", use_directory_urls=False)

    def shown(markdown: str) -> str:
        files = Files([PageOf.file, File("archive.md", str(ROOT / "docs"), "", False)])
        return str(hook["on_page_markdown"](markdown, PageOf, None, files))

    assert shown("[a](../archive.md#b)") == "[a](../archive.md#b)"
    assert shown("[a](../../Makefile)") == "a"
    with pytest.raises(PluginError, match=r"docs/operations/README\.md: the link to \.\./no\.md"):
        shown("[a](../no.md)")


def test_links_work_in_the_repository_as_well() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        for target in re.findall(r"\]\(([^()\s#:]+)(?:#[^()\s]*)?\)", page.read_text("utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_page_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    named = set(re.findall(r"([\w/-]+\.md)$", text, re.MULTILINE))
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    left_out = {page for page in pages - named if not page.startswith("decisions/")}
    assert left_out == set()
    assert yaml.safe_load(text)["strict"] is True


def test_the_guides_commands_run(stack: dict[str, Any], stack_dir: Path, tmp_path: Path) -> None:
    (tmp_path / ".hpts").symlink_to(stack_dir)
    prelude = BASH.findall((ROOT / "README.md").read_text("utf-8"))[0]
    token = client_of_new_tenant(stack, stack_dir).token  # whose months may be closed
    blocks = [block for path in GUIDES for block in BASH.findall(path.read_text("utf-8"))]
    script = "\n".join(["set -euo pipefail", prelude, f"TOKEN={token}", *blocks])
    ran = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    assert '"code"' not in ran.stdout, ran.stdout
    for told in ("return_event_id", "refinance_event_id", "closed"):
        assert told in ran.stdout, told
