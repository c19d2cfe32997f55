"""Every example runs as its README says, and ends with what its README shows."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
FOLDERS = sorted(path.parent.name for path in EXAMPLES.glob("*/README.md"))
BLOCK = re.compile(r"```(bash|text)\n(.*?)```", re.DOTALL)
LOANS = int(os.environ.get("HPTS_TEST_EXAMPLE_LOANS", "500"))
SHOWN_LOANS = 100_000
NEEDS_THE_JOURNAL_TOPIC = "stream-consumer-in-sql"
WITHIN_S = 170


def test_every_example_is_in_the_list() -> None:
    listed = re.findall(r"^\| \[(.+?)\]", (EXAMPLES / "README.md").read_text(), re.MULTILINE)
    assert sorted(listed) == FOLDERS
    assert len(FOLDERS) == 10


@pytest.mark.timeout(WITHIN_S + 10)
@pytest.mark.parametrize("folder", FOLDERS)
def test_an_example_ends_as_its_readme_says(
    stack: dict[str, Any], stack_dir: Path, tmp_path: Path, folder: str
) -> None:
    if folder == NEEDS_THE_JOURNAL_TOPIC and not has_journal_topic(stack):
        pytest.skip("the stack does not publish hpts.journal.v1")
    (tmp_path / "examples").symlink_to(EXAMPLES)
    [(_, script), (_, shown)] = BLOCK.findall((EXAMPLES / folder / "README.md").read_text())
    ran = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{script}"],
        cwd=tmp_path,
        env=environment(stack_dir),
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    wanted = [line.split() for line in scaled(shown).splitlines()]
    assert [line.split() for line in ran.stdout.splitlines()][-len(wanted) :] == wanted


def environment(stack_dir: Path) -> dict[str, str]:
    """A shell in which `make up` runs elsewhere, and the environment is active."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    more = {"HPTS_DATA_DIR": str(stack_dir), "HPTS_EXAMPLE_LOANS": str(LOANS), "PATH": path}
    return {**os.environ, **more}


def scaled(shown: str) -> str:
    """Totals of 100,000 loans, as fewer have them; nothing else is so large."""

    def fewer(found: re.Match[str]) -> str:
        minor = int(found[0].replace(",", "").replace(".", "")) * LOANS // SHOWN_LOANS
        return f"{minor // 100:,}.{minor % 100:02}"

    if "100,000,000.00" not in shown:
        return shown
    return re.sub(r"[\d,]+\.\d\d", fewer, shown)


def has_journal_topic(stack: dict[str, Any]) -> bool:
    admin = AdminClient({"bootstrap.servers": stack["kafka_bootstrap"]})
    return "hpts.journal.v1" in admin.list_topics(timeout=20).topics


def test_scaling_keeps_what_is_not_scaled() -> None:
    assert scaled("1000 Cash 1,200.00") == "1000 Cash 1,200.00"
    assert scaled("x 100,000,000.00 0.00").split() == ["x", f"{LOANS * 1000:,}.00", "0.00"]
