"""A copy of the working tree to plant faults in, with an environment from which it alone runs.

The environment of the checkout names the checkout, so a copy beside it would import the original.
The copy has its own: the same packages, and the copy's folder in place of the checkout's. Every
process of a stack is started by the interpreter that started its parent, so it is the copy's, too;
each one that runs a module leaves its name in `started`, which shows that this is so.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from hpts.local.processes import with_parent
from tests.planted.fault import ROOT, Fault, changed
from tests.planted.verdicts import REPORT, Phase, phases_in

PACKAGES = (
    *("schemas", "posting_engine", "ingress_api", "read_api", "deliveries"),
    *("hpts", "tests", "bench"),
)
CLIENT = ("clients/python", "hpts_client")
"""The folder of the client's package, and its name."""
WITHIN_S = 1_800
"""For one run of pytest; each test has a timeout of its own."""
ENDED_WITHIN_S = 60

_TELL_WHO_STARTED = """
import os, sys
if "-m" in sys.orig_argv:
    named = sys.orig_argv[sys.orig_argv.index("-m") + 1 :][:2]
    with open(os.path.join(sys.prefix, "started"), "a") as file:
        file.write(" ".join(name for name in named if name[0] != "-") + "\\n")
"""
_WHERE_FROM = """
import importlib, json, sys
found = {name: list(importlib.import_module(name).__path__) for name in sys.argv[1:]}
print(json.dumps([sys.path, found]))
"""


class NotTheCopy(Exception):
    """What would run is not the copy."""


class CopiedTree:
    """The copy at `root`. Made by `copied`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._environment = root / ".venv"
        self.python = self._environment / "bin" / "python"

    def make(self) -> None:
        """Copy everything that git does not ignore, and make the environment."""
        for name in _tracked():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, self.root / name)
        _run("git", "init", "--quiet", str(self.root))  # some tests ask git for the files
        _run(sys.executable, "-m", "venv", "--without-pip", str(self._environment))
        [packages] = self._environment.glob("lib/python3.*/site-packages")
        (packages / "tell_who_started.py").write_text(_TELL_WHO_STARTED, "utf-8")
        ours = [str(self.root), str(self.root / CLIENT[0])]
        paths = [*ours, sysconfig.get_path("purelib"), "import tell_who_started"]
        (packages / "copied.pth").write_text("\n".join(paths) + "\n", "utf-8")
        # Compiled files that are held against the source itself: a change of the same length
        # within the same second must not go unseen.
        _run(
            *(str(self.python), "-m", "compileall", "-q", "--invalidation-mode", "checked-hash"),
            *(str(self.root / name) for name in (*PACKAGES, CLIENT[0])),
        )
        self._prove()

    def _prove(self) -> None:
        """The original can be imported from nowhere, and every package of ours is the copy's."""
        told = _run(str(self.python), "-P", "-c", _WHERE_FROM, *PACKAGES, CLIENT[1])
        path, found = json.loads(told)
        if str(ROOT) in path:
            raise NotTheCopy(f"{ROOT} is on the path of the copy: {path}")
        for name, places in found.items():
            folder = self.root / CLIENT[0] if name == CLIENT[1] else self.root
            if places != [str(folder / name)]:
                raise NotTheCopy(f"{name} would be imported from {places}")

    @contextmanager
    def planted(self, fault: Fault) -> Iterator[None]:
        """The copy with a fault in it; as it was, afterwards. Raises `Moved`."""
        texts = changed(fault, self.root)
        before = {path: path.read_text("utf-8") for path in texts}
        try:
            for path, text in texts.items():
                path.write_text(text, "utf-8")
            yield
        finally:
            for path, text in before.items():
                path.write_text(text, "utf-8")

    def run(
        self, tests: Sequence[str], *options: str, environment: Mapping[str, str]
    ) -> tuple[list[Phase], str]:
        """Run tests in the copy; what came of each, and what pytest printed."""
        report = self.root / "report.jsonl"
        report.unlink(missing_ok=True)
        command = [str(self.python), "-P", "-m", "pytest", "-p", "tests.planted.verdicts"]
        command += ["-p", "no:cacheprovider", "-q", *options, *tests]
        kept = {name: value for name, value in os.environ.items() if _is_kept(name)}
        process = subprocess.Popen(
            command,
            cwd=self.root,
            env={**kept, **environment, REPORT: str(report)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # However this process ends: pytest then stops the servers that it has started.
            preexec_fn=with_parent(signal.SIGINT),
        )
        try:
            printed, _ = process.communicate(timeout=WITHIN_S)
        except subprocess.TimeoutExpired:
            printed = f"not finished within {WITHIN_S} s"
        finally:
            if process.poll() is None:
                _interrupt(process)
        return phases_in(report), printed

    def started(self) -> Counter[str]:
        """Which modules ran as processes of the copy, and how many of each."""
        told = self._environment / "started"
        return Counter(told.read_text("utf-8").splitlines() if told.exists() else [])


@contextmanager
def copied() -> Iterator[CopiedTree]:
    """A copy in a temporary folder that other users can read, as Postgres does."""
    folder = Path(tempfile.mkdtemp(prefix="hpts-planted-"))
    folder.chmod(0o755)
    tree = CopiedTree(folder / "tree")
    tree.root.mkdir()
    try:
        tree.make()
        yield tree
    finally:
        shutil.rmtree(folder)


def _interrupt(pytest: "subprocess.Popen[str]") -> None:
    pytest.send_signal(signal.SIGINT)
    try:
        pytest.communicate(timeout=ENDED_WITHIN_S)
    except subprocess.TimeoutExpired:
        os.killpg(pytest.pid, signal.SIGKILL)
        pytest.communicate()


def _is_kept(name: str) -> bool:
    return name != "PYTHONPATH" and not name.startswith(("HPTS_", "SIMULATE_", "PYTEST_"))


def _tracked() -> list[str]:
    which = ("--cached", "--others", "--exclude-standard")
    listed = _run("git", "-C", str(ROOT), "ls-files", "-z", *which)
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def _run(*command: str) -> str:
    environment = {name: value for name, value in os.environ.items() if _is_kept(name)}
    return subprocess.run(
        command, check=True, env=environment, stdout=subprocess.PIPE, text=True
    ).stdout
