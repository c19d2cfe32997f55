"""bootstrap.py: when it works, when it leaves alone, and what it says when it cannot."""

import json
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

import bootstrap
from bootstrap import DEVELOPER_LOCK, SERVICE_LOCK, CannotPrepare, Environment

ROOT = Path(bootstrap.__file__).parent


@pytest.fixture
def ready(tmp_path: Path) -> Environment:
    """A checkout whose environment holds the services' packages."""
    (tmp_path / SERVICE_LOCK).write_text("services")
    (tmp_path / DEVELOPER_LOCK).write_text("tools")
    environment = Environment(tmp_path)
    environment.scripts.mkdir(parents=True)
    environment.python.symlink_to(sys.executable)
    environment.stamp.write_text(json.dumps(environment.wanted(developer=False)))
    return environment


def test_a_finished_environment_is_left_alone(ready: Environment) -> None:
    assert ready.is_ready(developer=False)
    assert not ready.must_be_made_anew()


def test_the_tools_are_added_to_the_services_packages(ready: Environment) -> None:
    assert not ready.is_ready(developer=True)
    assert not ready.must_be_made_anew()


def test_a_changed_lock_is_followed_in_place(ready: Environment) -> None:
    (ready.root / SERVICE_LOCK).write_text("other services")
    assert not ready.is_ready(developer=False)
    assert not ready.must_be_made_anew()


@pytest.mark.parametrize("left", ["", "{", "[]", "{}"])
def test_an_interrupted_setup_is_done_anew(ready: Environment, left: str) -> None:
    ready.stamp.write_text(left)
    assert not ready.is_ready(developer=False)
    assert ready.must_be_made_anew()


def test_an_environment_whose_python_has_gone_is_made_anew(ready: Environment) -> None:
    ready.python.unlink()
    ready.python.symlink_to(ready.root / "python-that-was-removed")
    assert ready.must_be_made_anew()


def test_a_moved_checkout_is_made_anew(ready: Environment) -> None:
    moved = ready.root.rename(ready.root.with_name("moved"))
    assert Environment(moved).must_be_made_anew()


def test_a_python_without_venv_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(CannotPrepare, match=r"lacks the module 'ensurepip'.*-venv"):
        bootstrap.check_python()


def built(monkeypatch: pytest.MonkeyPatch, with_arguments: str, system: str) -> str:
    """What the environment is made with, by a Python that was built so, on such a system."""
    monkeypatch.setattr(bootstrap, "SYSTEM_PYTHON", system)
    monkeypatch.setattr(sysconfig, "get_config_var", lambda _: with_arguments)
    return bootstrap.interpreter()


def test_a_python_built_without_optimisations_gives_way_to_the_system_s(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    system = tmp_path / "python3"
    system.symlink_to(sys.executable)
    assert built(monkeypatch, "--prefix=/opt", str(system)) == str(system)
    assert built(monkeypatch, "--enable-optimizations", str(system)) == sys.executable


@pytest.mark.parametrize("script", [None, "#!/bin/sh\nexit 1\n"])
def test_a_system_without_the_same_python_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str | None
) -> None:
    system = tmp_path / "python3"
    if script is not None:
        system.write_text(script)
        system.chmod(0o755)
    assert built(monkeypatch, "", str(system)) == sys.executable


def test_an_old_python_is_told_what_is_needed() -> None:
    pretend = (
        "import runpy, sys; sys.version_info = (3, 9, 2);"
        f"runpy.run_path({str(ROOT / 'bootstrap.py')!r}, run_name='__main__')"
    )
    told = subprocess.run([sys.executable, "-c", pretend], capture_output=True, text=True)
    assert told.returncode == 1
    assert "needs Python 3.11 or newer; this is 3.9" in told.stderr


def test_help_names_every_target_and_an_unknown_one_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert bootstrap.main(["help"]) == 0
    listed = capsys.readouterr().out
    for target in ("setup", "up", "down", "test", "lint", "bench", "docs", "lock", "help"):
        assert f"\n  {target} " in listed
    assert bootstrap.main(["deploy"]) == 2


@pytest.mark.slow
def test_two_setups_at_once_in_a_path_with_spaces_then_moved(tmp_path: Path) -> None:
    checkout = tmp_path / "a check out"
    small_project(checkout)
    setup = [sys.executable, str(checkout / "bootstrap.py"), "setup"]
    both = [subprocess.Popen(setup, cwd=tmp_path) for _ in range(2)]
    assert [each.wait(timeout=120) for each in both] == [0, 0]
    assert says(checkout) == f"{checkout} up --port 0"

    begun = time.monotonic()
    subprocess.run(setup, check=True)
    assert time.monotonic() - begun < 1

    moved = checkout.rename(tmp_path / "moved to")
    subprocess.run([sys.executable, str(moved / "bootstrap.py"), "setup"], check=True)
    assert says(moved) == f"{moved} up --port 0"


def small_project(checkout: Path) -> None:
    """A checkout with one small package to install and an `hpts` that tells how it was called."""
    (checkout / "hpts").mkdir(parents=True)
    shutil.copy(ROOT / "bootstrap.py", checkout)
    pinned = (ROOT / SERVICE_LOCK).read_text().replace("\\\n", " ").splitlines()
    [small] = [line for line in pinned if line.startswith("annotated-doc==")]
    (checkout / SERVICE_LOCK).write_text(small + "\n")
    (checkout / "hpts" / "__init__.py").touch()
    (checkout / "hpts" / "__main__.py").write_text(
        "import sys, pathlib, annotated_doc\n"
        "print(pathlib.Path(__file__).parents[1], *sys.argv[1:])\n"
    )


def says(checkout: Path) -> str:
    """What the checkout's own `hpts` prints, started from elsewhere."""
    told = subprocess.run(
        [checkout / ".venv/bin/hpts", "up", "--port", "0"],
        cwd="/",
        check=True,
        capture_output=True,
        text=True,
    )
    return told.stdout.strip()
