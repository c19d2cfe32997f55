"""`make audit` must not pass where it could not look."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOBODY = "http://127.0.0.1:9"
"""A proxy that is not there: as without a network."""


@pytest.mark.parametrize("arguments", [(), ("--vulnerability-service", "osv")], ids=["", "osv"])
def test_an_audit_without_a_network_fails(arguments: tuple[str, ...], tmp_path: Path) -> None:
    one = tmp_path / "requirements.lock"
    one.write_text(f"six==1.17.0 --hash=sha256:{'0' * 64}\n")
    cut_off = {"HTTPS_PROXY": NOBODY, "HTTP_PROXY": NOBODY, "ALL_PROXY": NOBODY, "NO_PROXY": ""}
    lower = {name.lower(): value for name, value in cut_off.items()}
    options = ("--requirement", str(one), "--cache-dir", str(tmp_path / "cache"), *arguments)
    audit = subprocess.run(
        [sys.executable, "bootstrap.py", "audit", *options],
        cwd=ROOT,
        env=os.environ | cut_off | lower,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert audit.returncode != 0, audit.stdout + audit.stderr
    assert "No known vulnerabilities found" not in audit.stdout + audit.stderr
