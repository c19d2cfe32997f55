"""Where an archive is kept: a folder, or a bucket (`s3`). Names are relative, with slashes.

A file is written whole or not at all, and durable when `write` returns. Nothing is ever appended.
"""

import os
from pathlib import Path
from typing import Final, Protocol

S3: Final = "s3://"


class ArchiveUnreachable(Exception):
    """The folder or the bucket cannot be read or written. Nothing is wrong with what it holds."""


class Files(Protocol):
    """The files of one archive. Every method raises `ArchiveUnreachable`."""

    @property
    def place(self) -> str:
        """Where they are, for people."""

    def read(self, name: str) -> bytes | None:
        """The bytes of a file; None where there is none."""

    def write(self, name: str, data: bytes) -> None:
        """Put a file there, in the place of one of that name."""


def files_at(place: str) -> Files:
    """The files at a path or an `s3://bucket/prefix`; nothing need be there yet."""
    if place.startswith(S3):
        from hpts.archiving.s3 import Bucket  # an extra: hpts[s3]

        return Bucket(place)
    return Folder(Path(place))


class Folder:
    """The files of a local folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def place(self) -> str:
        """The path as given."""
        return str(self._path)

    def read(self, name: str) -> bytes | None:
        """See `Files`."""
        try:
            return (self._path / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ArchiveUnreachable(f"cannot read {self._path / name}: {error}") from error

    def write(self, name: str, data: bytes) -> None:
        """See `Files`. What a killed process leaves behind ends in `.new` and is overwritten."""
        target = self._path / name
        new = target.with_name(f"{target.name}.new")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with new.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            new.replace(target)
            _sync_folders(target.parent, self._path)
        except OSError as error:
            raise ArchiveUnreachable(f"cannot write {target}: {error}") from error


def _sync_folders(folder: Path, root: Path) -> None:
    """Make the names durable, too, from a file's folder up to the one that holds the archive."""
    for one in (folder, *folder.parents):
        descriptor = os.open(one, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if one == root.parent:
            return
