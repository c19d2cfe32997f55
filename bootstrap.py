#!/usr/bin/env python3
"""From an empty machine to a running ledger: `python3 bootstrap.py TARGET [arguments]`.

Owns the environment in `.venv`: makes it from the locks (hashes, no addresses), keeps it equal
to them, and hands over to what the target names. Standard library only, and it never starts,
watches or stops a service: that is `hpts`. `make TARGET` calls this file and nothing else.
"""

import sys

OLDEST_PYTHON = (3, 11)
if sys.version_info < OLDEST_PYTHON:  # before anything that an older Python cannot import
    sys.exit(
        "hpts needs Python 3.11 or newer; this is %d.%d (%s).\n"
        "Name a newer one: make TARGET PYTHON=python3.12, or python3.12 bootstrap.py TARGET."
        % (sys.version_info[0], sys.version_info[1], sys.executable)
    )

import fcntl
import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parent
SERVICE_LOCK = "requirements.lock"
DEVELOPER_LOCK = "requirements-dev.lock"
LAYOUT_VERSION = 3  # raise it when `.venv` must be made anew although no lock changed

SYSTEM_PYTHON = "/usr/bin/python3"

LAUNCHER = """#!/bin/sh
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit 1
exec "$here/python" -P -m hpts "$@"
"""


class CannotPrepare(Exception):
    """The environment cannot be made; the message says what to do about it."""


def main(arguments: list[str]) -> int:
    """Run one target; returns its exit status, or does not return because it became it."""
    target = arguments[0].lstrip("-") if arguments else "help"
    if target not in TARGETS:
        print(f"There is no target {target!r}.\n", file=sys.stderr)
        print(usage(), file=sys.stderr)
        return 2
    try:
        return TARGETS[target](arguments[1:])
    except CannotPrepare as reason:
        print(f"hpts: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def usage() -> str:
    """The targets, one line each."""
    head = "make TARGET [ARGS='...']   or   python3 bootstrap.py TARGET [arguments]\n"
    return "\n".join([head, *(f"  {name:9}{do.__doc__}" for name, do in TARGETS.items())])


def setup(arguments: list[str]) -> int:
    """Install only: .venv from the locks, with .venv/bin/hpts (--dev: test tools, too)."""
    if set(arguments) - {"--dev"}:
        raise CannotPrepare("setup knows only --dev")
    prepare(developer="--dev" in arguments)
    print(f"ready: {Environment(ROOT).scripts / 'hpts'}")
    return 0


def up(arguments: list[str]) -> int:
    """Start everything, print the URLs and a first payment; Ctrl-C stops it (hpts up)."""
    return become(prepare(developer=False).command("hpts", "up", *arguments))


def down(arguments: list[str]) -> int:
    """Stop what a detached `up` left running (hpts down)."""
    return become(prepare(developer=False).command("hpts", "down", *arguments))


def test(arguments: list[str]) -> int:
    """All tests, on real Kafka and Postgres; two at once unless ARGS says what to run."""
    how = arguments or ["-n2", "--dist=loadfile"]
    return become(prepare(developer=True).command("pytest", *how))


def lint(arguments: list[str]) -> int:
    """Format, lint, strict types and the import arrows."""
    if arguments:
        raise CannotPrepare("lint takes no arguments")
    environment = prepare(developer=True)
    checks = {
        "ruff check": environment.command("ruff", "check"),
        "ruff format --check": environment.command("ruff", "format", "--check"),
        "mypy --strict": environment.command("mypy"),
        "lint-imports": [str(environment.python), str(environment.scripts / "lint-imports")],
    }
    failed = []
    for name, command in checks.items():
        print(f"-- {name}", flush=True)
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def bench(arguments: list[str]) -> int:
    """Every figure in one table: payments, accruals, growth (--short: a quick look; --help)."""
    return become(prepare(developer=True).command("bench", *arguments))


def simulate(arguments: list[str]) -> int:
    """The engine under simulated faults: SIMULATE_SECONDS, SIMULATE_SEEDS; a seed replays it."""
    return become(prepare(developer=True).command("tests.simulation", *arguments))


def faults(arguments: list[str]) -> int:
    """Kill, stop and cut everything under load, then audit (FAULTS_SECONDS=540)."""
    return become(prepare(developer=True).command("tests.faults.campaign", *arguments))


def planted(arguments: list[str]) -> int:
    """Plant each fault of the catalogue: do the tests notice? (ARGS='F17 F19', --list)."""
    return become(prepare(developer=True).command("tests.planted", *arguments))


def docs(arguments: list[str]) -> int:
    """The docs site, built strictly into .docs/ (ARGS=serve: look at it while you write)."""
    command = arguments or ["build", "--strict", "--quiet"]
    return become(prepare(developer=True).command("mkdocs", *command))


def lock(arguments: list[str]) -> int:
    """Renew both locks from pyproject.toml (--upgrade: to the newest versions)."""
    environment = prepare(developer=True)
    compile_command = environment.command(
        "uv", "pip", "compile", "--no-config", "--quiet", "--universal",
        "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url",
        "--no-annotate", "--no-header", "pyproject.toml", *arguments,
    )  # fmt: skip
    constrained = ["--extra", "dev", "--constraint", SERVICE_LOCK]
    for more, name in (([], SERVICE_LOCK), (constrained, DEVELOPER_LOCK)):
        run([*compile_command, *more, "--output-file", name], f"what {name} would pin")
        print(f"written: {name}")
    return 0


def audit(arguments: list[str]) -> int:
    """Known vulnerabilities of what the locks pin; fails where that cannot be asked (network)."""
    how = ("--strict", "--progress-spinner", "off", "--disable-pip", "--require-hashes", "-r")
    return become(prepare(developer=True).command("pip_audit", *how, DEVELOPER_LOCK, *arguments))


def show_help(arguments: list[str]) -> int:
    """This list."""
    del arguments
    print(usage())
    return 0


TARGETS: dict[str, Callable[[list[str]], int]] = {
    "setup": setup,
    "up": up,
    "down": down,
    "test": test,
    "lint": lint,
    "bench": bench,
    "simulate": simulate,
    "faults": faults,
    "planted": planted,
    "docs": docs,
    "lock": lock,
    "audit": audit,
    "help": show_help,
}


class Environment:
    """The virtual environment of one checkout, and what its stamp says it holds."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / ".venv"
        self.scripts = self.folder / "bin"
        self.python = self.scripts / "python"
        self.stamp = self.folder / "hpts-stamp.json"

    def command(self, module: str, *arguments: str) -> list[str]:
        """The command line that runs an installed module, wherever the checkout lies."""
        return [str(self.python), "-P", "-m", module, *arguments]

    def wanted(self, *, developer: bool) -> dict[str, str]:
        """What the stamp must say before the environment may be used."""
        stamp = {
            "layout": str(LAYOUT_VERSION),
            "folder": str(self.folder),
            "python": ".".join(map(str, sys.version_info[:2])),
            SERVICE_LOCK: digest_of(self.root / SERVICE_LOCK),
        }
        if developer:
            stamp[DEVELOPER_LOCK] = digest_of(self.root / DEVELOPER_LOCK)
        return stamp

    def found(self) -> dict[str, str]:
        """What the stamp says; empty when there is none, as after an interrupted setup."""
        try:
            found = json.loads(self.stamp.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        usable = isinstance(found, dict) and os.access(self.python, os.X_OK)
        return found if usable else {}

    def is_ready(self, *, developer: bool) -> bool:
        """Whether nothing is to be done."""
        return self.wanted(developer=developer).items() <= self.found().items()

    def must_be_made_anew(self) -> bool:
        """Whether it is unusable: never finished, moved, or of another Python."""
        found, wanted = self.found(), self.wanted(developer=False)
        return any(found.get(name) != wanted[name] for name in ("layout", "folder", "python"))


def prepare(*, developer: bool) -> Environment:
    """Make `.venv` equal to the locks. A second caller waits for the first; a warm call is free."""
    environment = Environment(ROOT)
    if environment.is_ready(developer=developer):
        return environment
    check_python()
    with only_one_setup(ROOT / ".venv.lock"):
        if not environment.is_ready(developer=developer):
            install(environment, developer=developer)
    return environment


def install(environment: Environment, *, developer: bool) -> None:
    """Bring the environment to the locks. The stamp goes first and comes back last."""
    os.umask(0o022)  # Postgres runs as another user when we are root, and must read its files
    found = environment.found()
    anew = environment.must_be_made_anew()
    environment.stamp.unlink(missing_ok=True)
    if anew:
        python = interpreter()
        told = f"hpts: making .venv with {python} (once; a minute at most)"
        print(told, file=sys.stderr, flush=True)
        shutil.rmtree(environment.folder, ignore_errors=True)
        run([python, "-m", "venv", str(environment.folder)], "the environment")
    stamp = environment.wanted(developer=developer)
    if not developer and not anew and DEVELOPER_LOCK in found:
        stamp = environment.wanted(developer=True)  # keep the tools in step with the services
    name = DEVELOPER_LOCK if DEVELOPER_LOCK in stamp else SERVICE_LOCK
    run(
        [
            *environment.command("pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--require-hashes", "--only-binary", ":all:"),
            *("--requirement", str(environment.root / name)),
        ],
        f"the packages of {name}",
    )
    link_project(environment)
    partial = environment.stamp.with_suffix(".partial")
    partial.write_text(json.dumps(stamp, indent=1), encoding="utf-8")
    partial.replace(environment.stamp)


def interpreter() -> str:
    """The Python to make the environment with: this one, or the system's of the same version where
    this one was built without its optimisations (as version managers do), a quarter slower.
    """
    if "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or ""):
        return sys.executable
    same = f"sys.version_info[:2] == {tuple(sys.version_info[:2])}"
    asked = [SYSTEM_PYTHON, "-c", f"import ensurepip, sys, venv; sys.exit(not {same})"]
    try:
        is_usable = subprocess.run(asked, capture_output=True, check=False).returncode == 0
    except OSError:
        return sys.executable
    return SYSTEM_PYTHON if is_usable else sys.executable


def link_project(environment: Environment) -> None:
    """Put the checkout on the path and write `hpts`: needs no build tool and no network."""
    [packages] = environment.folder.glob("lib/python3.*/site-packages")
    folders = (environment.root, environment.root / "clients" / "python")
    lines = "".join(f"{folder}\n" for folder in folders)
    (packages / "hpts-checkout.pth").write_text(lines, encoding="utf-8")
    launcher = environment.scripts / "hpts"
    launcher.write_text(LAUNCHER, encoding="utf-8")
    launcher.chmod(0o755)


def check_python() -> None:
    """Refuse early, with the remedy, when this Python cannot make environments."""
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        version = ".".join(map(str, sys.version_info[:2]))
        raise CannotPrepare(
            f"{sys.executable} lacks the module {missing[0]!r}. "
            f"On Debian and Ubuntu: apt-get install python{version}-venv; "
            "elsewhere, use a complete Python 3.11 or newer."
        )


def run(command: list[str], what: str) -> None:
    """Run one step of the setup; raises `CannotPrepare` with the step's own words above it."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode:
        raise CannotPrepare(
            f"could not get {what} (see above). Run the same command again: it starts anew."
        )


@contextmanager
def only_one_setup(path: Path) -> Iterator[None]:
    """Hold the checkout's setup lock; the kernel frees it when the holder dies."""
    with path.open("a", encoding="utf-8") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("hpts: waiting for another setup of this checkout", file=sys.stderr, flush=True)
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def become(command: list[str]) -> int:
    """Replace this process, so that signals reach the command and nobody else. Never returns."""
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execv(command[0], command)


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise CannotPrepare(f"{shlex.quote(str(path))} cannot be read: {error}") from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
