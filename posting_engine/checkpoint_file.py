"""The file of checkpoints: one a line, only ever appended to, the same bytes as on the topic."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NAME: Final = "checkpoints.jsonl"


@dataclass(slots=True)
class CheckpointFile:
    """`checkpoints.jsonl` in a folder. Several engines of a machine may append to one."""

    folder: Path

    def append(self, message: bytes) -> None:
        """Have a line on the disk. Raises `OSError`; part of a line may be left of it then."""
        descriptor = os.open(
            self.folder / NAME, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644
        )
        try:
            end = os.lseek(descriptor, 0, os.SEEK_END)
            is_torn = end > 0 and os.pread(descriptor, 1, end - 1) != b"\n"
            # In one call, so that the lines of two engines never mix.
            line = b"\n" * is_torn + message + b"\n"
            if os.write(descriptor, line) != len(line):
                raise OSError(f"{self.folder / NAME}: a line was written in part")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
