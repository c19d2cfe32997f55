"""Brings the database to this build: numbered plain SQL from `schemas/sql`, forward only.

Each file is one transaction and one row of `hpts_edge.migrations`. A file's first line says whose
it is: `roles` is run as the administrator, `hpts` and `hpts_edge` as `hpts_owner` with that schema
first, so that names without a schema are made in it.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from hpts.database import Administrator, administrator

_NAME: Final = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_SCHEMA: Final = re.compile(r"-- schema: (roles|hpts|hpts_edge)\n")
_AS_OWNER: Final = "SET LOCAL ROLE hpts_owner"


class MigrationRefused(Exception):
    """The files and what the database says it has do not belong together. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file; `schema` is its first line's: `roles`, `hpts` or `hpts_edge`."""

    name: str
    schema: str
    text: str

    @property
    def number(self) -> int:
        """The four digits its name begins with."""
        return int(self.name[:4])

    @property
    def sha256(self) -> str:
        """Of the file's bytes, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrate(
    admin_dsn: str,
    passwords: Mapping[str, str] | None = None,
    *,
    migrations: Sequence[Migration] | None = None,
) -> list[str]:
    """Apply what is missing, then set `passwords` (role -> password); the names applied.

    Safe to run at any time, and by several at once. `migrations` None: those of this build.
    Raises `MigrationRefused`, and `DatabaseRefused` when a file fails: that file is undone whole.
    """
    wanted = shipped() if migrations is None else migrations
    with administrator(admin_dsn) as database:
        database.ask("lock_migrations")
        database.ask("found")
        missing = pending(wanted, dict(database.ask("load_migrations")))
        for migration in missing:
            _apply(database, migration)
        database.set_passwords(passwords or {})
    return [migration.name for migration in missing]


def shipped() -> list[Migration]:
    """The migrations of this build, in order."""
    folder = files("schemas") / "sql"
    return [
        parse(file.name, file.read_text(encoding="utf-8"))
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".sql")
    ]


def parse(name: str, text: str) -> Migration:
    """A migration from its file. Raises `MigrationRefused` for a wrong name or first line."""
    schema = _SCHEMA.match(text)
    if not _NAME.fullmatch(name):
        raise MigrationRefused(f"{name} is no name of a migration: NNNN_what_it_does.sql")
    if schema is None:
        raise MigrationRefused(f"{name} does not begin with '-- schema: roles|hpts|hpts_edge'")
    return Migration(name, schema[1], text)


def pending(migrations: Sequence[Migration], applied: Mapping[str, str]) -> list[Migration]:
    """What is still to be applied; `applied` is name -> SHA-256. Raises `MigrationRefused`."""
    by_name = {migration.name: migration for migration in migrations}
    if len({migration.number for migration in migrations}) != len(migrations):
        raise MigrationRefused(f"two migrations have one number: {', '.join(sorted(by_name))}")
    for name, sha256 in applied.items():
        if name not in by_name:
            raise MigrationRefused(
                f"{name} is applied and this build does not know it: the database is newer. "
                "Use the build that made it, or a later one."
            )
        if by_name[name].sha256 != sha256:
            raise MigrationRefused(
                f"{name} was changed after it was applied: a migration that has run is never "
                "edited. Restore the file and put the change into a new one."
            )
    newest = max((by_name[name].number for name in applied), default=0)
    missing = sorted(
        (m for m in migrations if m.name not in applied), key=lambda migration: migration.number
    )
    if missing and missing[0].number < newest:
        raise MigrationRefused(
            f"{missing[0].name} is not applied and a later one is: migrations only go forward. "
            "Give it a number after the last."
        )
    return missing


def _apply(database: Administrator, migration: Migration) -> None:
    with database.whole():
        if migration.schema != "roles":
            database.run(_AS_OWNER)
            database.run(f"SET LOCAL search_path = {migration.schema}")
        database.run(migration.text)
        database.run(_AS_OWNER)
        database.ask("insert_migration", name=migration.name, sha256=migration.sha256)
